/*
 * PCI Local Bus 3.0, 6.2.5.1.
 *
 *     memory   | 31:4 address         | 3 prefetchable | 2:1 00 32 bits, 10 64 bits | 0: 0 |   64: the next has 63:32
 *     ports    | 31:2 port                                               | 1 reserved | 0: 1 |
 *
 * Bits below the size read as zeros whatever is written, so all ones written read back as the size's complement.
 */
#include "drivers/pci_bar.h"

#include "kernel/x86/interrupts.h"

#define BAR_FIRST        0x10u
#define BAR_IO           0x1u
#define BAR_IO_MASK      0xFFFFFFFCu
#define BAR_WIDTH_MASK   0x6u
#define BAR_WIDTH_64     0x4u
#define BAR_PREFETCHABLE 0x8u
#define BAR_MEMORY_MASK  0xFFFFFFF0u
#define PORT_MASK        0xFFFFu /* a PC has no more, and the upper half may read as zeros when sized */

/* 6.1: six in a device; PCI-to-PCI Bridge 1.2, 3.2: two in a bridge. Others have none that are laid out so. */
#define HEADER_TYPE_MASK 0x7Fu
#define DEVICE_BARS      6u
#define BRIDGE_BARS      2u

static uint32_t bar_offset(unsigned index)
{
    return BAR_FIRST + 4 * index;
}

static unsigned bar_count(const struct pci *pci, struct pci_address address)
{
    uint32_t type = pci_read32(pci, address, PCI_HEADER_TYPE) >> 16 & HEADER_TYPE_MASK;
    return type == 0 ? DEVICE_BARS : type == 1 ? BRIDGE_BARS : 0;
}

bool pci_next_bar(const struct pci *pci, struct pci_address address, struct pci_bar *bar)
{
    for (unsigned count = bar_count(pci, address); bar->next < count;) {
        uint32_t low = pci_read32(pci, address, bar_offset(bar->next));
        bar->index = bar->next++;
        bar->is_io = (low & BAR_IO) != 0;
        bar->wide = !bar->is_io && (low & BAR_WIDTH_MASK) == BAR_WIDTH_64;
        bar->prefetchable = !bar->is_io && (low & BAR_PREFETCHABLE) != 0;
        bar->base = bar->is_io ? low & BAR_IO_MASK & PORT_MASK : low & BAR_MEMORY_MASK;
        if (bar->wide && bar->next == count)
            return false; /* its upper half would be some other register */
        if (bar->wide)
            bar->base |= (uint64_t)pci_read32(pci, address, bar_offset(bar->next++)) << 32;
        if (bar->base != 0)
            return true;
    }
    return false;
}

/* What the register keeps of all ones; its value stands again afterwards. */
static uint32_t bar_probe(const struct pci *pci, struct pci_address address, unsigned index)
{
    uint32_t value = pci_read32(pci, address, bar_offset(index));
    pci_write32(pci, address, bar_offset(index), UINT32_MAX);
    uint32_t kept = pci_read32(pci, address, bar_offset(index));
    pci_write32(pci, address, bar_offset(index), value);
    return kept;
}

/* Decoding is off meanwhile, or the function would answer at the address of all ones. */
static uint64_t bar_mask(const struct pci *pci, struct pci_address address, const struct pci_bar *bar)
{
    uint64_t flags = interrupts_save_and_disable();
    uint32_t command = pci_change_command(pci, address, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 0);
    uint64_t low = bar_probe(pci, address, bar->index);
    uint64_t high = bar->wide ? bar_probe(pci, address, bar->index + 1u) : UINT32_MAX;
    (void)pci_change_command(pci, address, 0, command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    interrupts_restore(flags);
    return high << 32 | (bar->is_io ? (low & BAR_IO_MASK) | ~PORT_MASK : low & BAR_MEMORY_MASK);
}

enum status pci_size_bar(const struct pci *pci, const struct pci_function *function, const struct pci_bar *bar,
                         uint64_t *size_bytes)
{
    if (pci_keeps_mastering(function))
        return STATUS_UNSUPPORTED;
    uint64_t size = ~bar_mask(pci, function->address, bar) + 1;
    if (size == 0 || (size & (size - 1)) != 0 || (bar->base & (size - 1)) != 0)
        return STATUS_INVALID;
    *size_bytes = size;
    return STATUS_OK;
}
