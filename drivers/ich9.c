/*
 * Finding, or placing, the power-management block of an ICH9.
 *
 * Intel ICH9 data sheet, 13.1: LPC bridge, D31:F0. PMBASE (40h) holds bits 15:7 of the block's port and bit 0, "I/O
 * space"; ACPI_CNTL (44h) bit 7 lets the block decode at all. QEMU's q35 has both; until they are set the block is not
 * there.
 */
#include "drivers/ich9.h"

#define ICH9_LPC_ID      0x29188086u /* device and vendor */
#define PMBASE           0x40u
#define PMBASE_MASK      0xFF80u
#define PMBASE_IO        0x1u
#define PMBASE_DEFAULT   0x600u /* where OVMF and SeaBIOS put it; nothing else of a q35 is there */
#define ACPI_CNTL        0x44u
#define ACPI_CNTL_ENABLE 0x80u

bool ich9_pm_block(const struct pci *pci, uint16_t *port)
{
    static const struct pci_address lpc = {.segment = 0, .bus = 0, .device = 31, .function = 0};
    /* Asked by identity: writing 40h of some other bridge would do anything. */
    if (pci_read32(pci, lpc, PCI_VENDOR_ID) != ICH9_LPC_ID)
        return false;
    uint32_t base = pci_read32(pci, lpc, PMBASE) & PMBASE_MASK;
    if (base == 0) {
        base = PMBASE_DEFAULT;
        pci_write32(pci, lpc, PMBASE, base | PMBASE_IO);
    }
    uint32_t control = pci_read32(pci, lpc, ACPI_CNTL);
    if ((control & ACPI_CNTL_ENABLE) == 0)
        pci_write32(pci, lpc, ACPI_CNTL, control | ACPI_CNTL_ENABLE);
    *port = (uint16_t)base;
    return true;
}
