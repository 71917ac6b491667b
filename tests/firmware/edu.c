/* The late copy: see edu.h. Registers: QEMU, docs/specs/edu.txt. */
#include "tests/firmware/edu.h"

#include "tests/firmware/firmware.h"
#include "tests/firmware/pci.h"
#include "tests/firmware/serial.h"

#define EDU_ID           0x11E81234u
#define EDU_DMA_SOURCE   0x80u
#define EDU_DMA_TARGET   0x88u
#define EDU_DMA_COUNT    0x90u
#define EDU_DMA_COMMAND  0x98u
#define EDU_DMA_START    1u
#define EDU_DMA_FROM_EDU 2u
#define EDU_BUFFER       0x40000u

#define COPY_BYTES   64u
#define COPY_WAIT_US 300000u
#define PATTERN      0xBADBADBADBADBAD0ull

static volatile uint8_t *registers; /* NULL: not wanted */
static uint64_t *target;            /* boot-services memory */

static bool find(void)
{
    uint32_t device;
    if (!pci_find(EDU_ID, &device))
        return false;
    registers = vaddr_pointer(VADDR(pci_read(device, PCI_BAR0) & PCI_BAR_MEMORY));
    return registers != NULL;
}

static void copy(uint64_t from, uint64_t to, uint32_t direction)
{
    *(volatile uint64_t *)(registers + EDU_DMA_SOURCE) = from;
    *(volatile uint64_t *)(registers + EDU_DMA_TARGET) = to;
    *(volatile uint64_t *)(registers + EDU_DMA_COUNT) = COPY_BYTES;
    *(volatile uint64_t *)(registers + EDU_DMA_COMMAND) = EDU_DMA_START | direction;
}

static void fill(uint64_t value)
{
    for (uint32_t i = 0; i < COPY_BYTES / sizeof(*target); i++)
        target[i] = value;
}

bool edu_prepare(void)
{
    efi_stall stall = (efi_stall)firmware.real_boot.stall;
    target = firmware_pages(EFI_BOOT_SERVICES_DATA, 1);
    if (target == NULL || !find())
        return false;
    uint64_t address = vaddr_of(target).value;
    fill(PATTERN);
    copy(address, EDU_BUFFER, 0);
    stall(COPY_WAIT_US);
    fill(0);
    copy(EDU_BUFFER, address, EDU_DMA_FROM_EDU);
    stall(COPY_WAIT_US);
    if (*(volatile uint64_t *)target != PATTERN)
        return false;
    fill(0);
    serial_say("edu will copy to 0x%llx", (unsigned long long)address);
    return true;
}

void edu_start(void)
{
    if (registers != NULL)
        copy(EDU_BUFFER, vaddr_of(target).value, EDU_DMA_FROM_EDU);
}
