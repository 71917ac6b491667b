/* The controller that runs on: see usb.h. Registers: xHCI 1.2, 5.3 to 5.5. */
#include "tests/firmware/usb.h"

#include "tests/firmware/pci.h"
#include "tests/firmware/serial.h"

#define XHCI_ID     0x000D1B36u
#define RTSOFF      0x18u
#define USBCMD      0x00u
#define USBCMD_RUN  0x05u /* and interrupts */
#define USBSTS      0x04u
#define USBSTS_HALT 0x01u
#define ERSTBA      0x30u

#define COMMAND_WORKS 0x06u /* PCI Local Bus 3.0, 6.2.2: memory, bus master */

static volatile uint8_t *registers; /* NULL: not wanted */
static uint32_t device;

static uint32_t read(uint32_t offset)
{
    return *(volatile uint32_t *)(registers + offset);
}

bool usb_prepare(void)
{
    if (!pci_find(XHCI_ID, &device))
        return false;
    uint64_t address = (pci_read(device, PCI_BAR0) & PCI_BAR_MEMORY) | (uint64_t)pci_read(device, PCI_BAR0 + 4) << 32;
    registers = vaddr_pointer(VADDR(address));
    return (read((read(0) & 0xFF) + USBSTS) & USBSTS_HALT) == 0;
}

void usb_start(void)
{
    if (registers == NULL)
        return;
    uint32_t operational = read(0) & 0xFF;
    const uint64_t *segment = vaddr_pointer(VADDR(read(read(RTSOFF) + ERSTBA)));
    pci_write(device, PCI_COMMAND, pci_read(device, PCI_COMMAND) | COMMAND_WORKS);
    *(volatile uint32_t *)(registers + operational + USBCMD) |= USBCMD_RUN;
    bool runs = (read(operational + USBSTS) & USBSTS_HALT) == 0;
    serial_say("the USB controller %s, events at 0x%llx", runs ? "runs on" : "stays halted",
               segment != NULL ? (unsigned long long)segment[0] : 0ull);
}
