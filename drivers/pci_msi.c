/*
 * MSI and MSI-X. PCI Local Bus 3.0, 6.8.1 and 6.8.2.
 *
 *     MSI      +0  | 31:16 control | next | 05h |     control: 8 maskable, 7 64 bits, 6:4 how many, 0 enable
 *              +4  address        +8 upper half, if 64 bits       then data, then the mask, if maskable
 *
 *     MSI-X    +0  | 31:16 control | next | 11h |     control: 15 enable, 14 all masked, 10:0 entries less 1
 *              +4  | 31:3 offset of the table | 2:0 its base address register |
 *              table entry, 16 bytes: address, upper half, data, control (bit 0: masked)
 *
 *     address  | 31:20 FEEh | 19:12 APIC ID | 3 no redirection hint | 2 physical |      SDM 3, 11.11.1
 *     data     | 15 edge | 10:8 fixed | 7:0 vector |                                    SDM 3, 11.11.2
 */
#include "drivers/pci_msi.h"

#include "kernel/base/check.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/io.h"

#define CAPABILITY_MSI  0x05u
#define CAPABILITY_MSIX 0x11u
#define CONFIG_BYTES    256u

#define MSI_ENABLE      ((uint32_t)1 << 16)
#define MSI_COUNT_MASK  ((uint32_t)7 << 20) /* 0: one message */
#define MSI_WIDE        ((uint32_t)1 << 23)
#define MSI_MASKABLE    ((uint32_t)1 << 24)
#define MSI_ADDRESS     4u
#define MSI_DATA        8u /* 4 more with 64 bits; the mask follows it */
#define MSI_FIRST_ALONE 0xFFFFFFFEu

#define MSIX_ENABLE      ((uint32_t)1 << 31)
#define MSIX_ALL_MASKED  ((uint32_t)1 << 30)
#define MSIX_COUNT_SHIFT 16u
#define MSIX_COUNT_MASK  0x7FFu
#define MSIX_TABLE       4u
#define MSIX_BYTES       12u
#define MSIX_BAR_MASK    0x7u
#define MSIX_ENTRY_BYTES 16u
#define MSIX_ENTRY_MASK  12u /* the entry's control */

#define MESSAGE_ADDRESS  0xFEE00000u
#define MESSAGE_ID_SHIFT 12u

static uint32_t msi_data(uint32_t control)
{
    return (control & MSI_WIDE) != 0 ? MSI_DATA + 4 : MSI_DATA;
}

struct pci_messages pci_find_messages(const struct pci *pci, struct pci_address address)
{
    uint32_t msi = pci_find_capability(pci, address, CAPABILITY_MSI);
    uint32_t msix = pci_find_capability(pci, address, CAPABILITY_MSIX);
    struct pci_messages messages = {0};
    uint32_t msi_control = msi != 0 ? pci_read32(pci, address, msi) : 0;
    if (msi + msi_data(msi_control) + ((msi_control & MSI_MASKABLE) != 0 ? 8 : 4) <= CONFIG_BYTES)
        messages.msi = (uint8_t)msi;
    if (msix != 0 && msix + MSIX_BYTES <= CONFIG_BYTES) {
        messages.msix = (uint8_t)msix;
        uint32_t control = pci_read32(pci, address, messages.msix);
        uint32_t table = pci_read32(pci, address, messages.msix + MSIX_TABLE);
        messages.table_bar = (uint8_t)(table & MSIX_BAR_MASK);
        messages.table_count = (uint16_t)((control >> MSIX_COUNT_SHIFT & MSIX_COUNT_MASK) + 1);
        messages.table_offset = table & ~MSIX_BAR_MASK;
    }
    return messages;
}

uint32_t pci_msix_table_bytes(const struct pci_messages *messages)
{
    return messages->table_count * MSIX_ENTRY_BYTES;
}

static void start_msi(const struct pci *pci, struct pci_address address, uint8_t at, uint32_t target, uint8_t vector)
{
    uint32_t control = pci_read32(pci, address, at);
    uint32_t data = at + msi_data(control);
    pci_write32(pci, address, at + MSI_ADDRESS, target);
    if ((control & MSI_WIDE) != 0)
        pci_write32(pci, address, at + MSI_ADDRESS + 4, 0);
    pci_write32(pci, address, data, vector);
    if ((control & MSI_MASKABLE) != 0)
        pci_write32(pci, address, data + 4, MSI_FIRST_ALONE);
    pci_write32(pci, address, at, (control & ~MSI_COUNT_MASK) | MSI_ENABLE);
}

/* All masked until the table is right: firmware's entries are in it, and firmware may have unmasked them. */
static void start_msix(const struct pci *pci, struct pci_address address, const struct pci_messages *messages,
                       volatile uint8_t *entry, uint32_t target, uint8_t vector)
{
    uint32_t control = pci_read32(pci, address, messages->msix) | MSIX_ENABLE;
    pci_write32(pci, address, messages->msix, control | MSIX_ALL_MASKED);
    mmio_write32(entry, target);
    mmio_write32(entry + 4, 0);
    mmio_write32(entry + 8, vector);
    for (uint32_t i = 0; i < messages->table_count; i++)
        mmio_write32(entry + i * MSIX_ENTRY_BYTES + MSIX_ENTRY_MASK, i != 0);
    pci_write32(pci, address, messages->msix, control & ~MSIX_ALL_MASKED);
}

enum status pci_start_messages(const struct pci *pci, struct pci_address address, const struct pci_messages *messages,
                               volatile void *table, uint32_t apic_id, uint8_t vector)
{
    CHECK(vector >= 32); /* those below are exceptions */
    uint32_t target = MESSAGE_ADDRESS | apic_id << MESSAGE_ID_SHIFT;
    if ((table != NULL ? messages->msix : messages->msi) == 0)
        return STATUS_NOT_FOUND;
    if (apic_id > APIC_ID_XAPIC_MAX)
        return STATUS_LIMIT;
    pci_stop_messages(pci, address); /* of both kinds: firmware may have used the other one */
    (void)pci_change_command(pci, address, 0, PCI_COMMAND_INTX_OFF);
    if (table != NULL)
        start_msix(pci, address, messages, table, target, vector);
    else
        start_msi(pci, address, messages->msi, target, vector);
    return STATUS_OK;
}

void pci_stop_messages(const struct pci *pci, struct pci_address address)
{
    struct pci_messages messages = pci_find_messages(pci, address);
    if (messages.msi != 0)
        pci_write32(pci, address, messages.msi, pci_read32(pci, address, messages.msi) & ~MSI_ENABLE);
    if (messages.msix != 0)
        pci_write32(pci, address, messages.msix, pci_read32(pci, address, messages.msix) & ~MSIX_ENABLE);
}
