/* Configuration space: see pci.h. */
#include "tests/firmware/pci.h"

#include "tests/firmware/instruction.h"

#define PORT_ADDRESS   0xCF8u
#define PORT_DATA      0xCFCu
#define ADDRESS_ENABLE 0x80000000u
#define DEVICES        32u

/* 6.2.2: ports, memory, bus master. The upper half is the status register, whose bits are cleared by ones. */
#define COMMAND_MASK  0xFFFFu
#define COMMAND_WORKS 0x0007u

uint32_t pci_read(uint32_t device, uint32_t offset)
{
    instruction_out32(PORT_ADDRESS, ADDRESS_ENABLE | device << 11 | offset);
    return instruction_in32(PORT_DATA);
}

void pci_write(uint32_t device, uint32_t offset, uint32_t value)
{
    instruction_out32(PORT_ADDRESS, ADDRESS_ENABLE | device << 11 | offset);
    instruction_out32(PORT_DATA, value);
}

bool pci_find(uint32_t identity, uint32_t *device)
{
    for (*device = 0; *device < DEVICES; (*device)++) {
        if (pci_read(*device, PCI_ID) != identity)
            continue;
        pci_write(*device, PCI_COMMAND, (pci_read(*device, PCI_COMMAND) & COMMAND_MASK) | COMMAND_WORKS);
        return true;
    }
    return false;
}
