/*
 * Intel 82093AA I/O APIC data sheet (order 290566), 3.1 and 3.2.
 *
 *     registers + 00h   select: which register the window shows
 *               + 10h   window
 *     01h               version: 23:16 number of the last line
 *     10h + 2n, 11h + 2n   line n: 7:0 vector, 13 active low, 15 level, 16 masked; in the upper half 63:56 destination
 *
 * Two accesses for each register, so the caller serialises. Destination mode (11) stays 0: one physical APIC ID. So
 * does delivery mode (10:8), fixed, but for NMI.
 */
#include "drivers/ioapic.h"

#include "kernel/x86/io.h"

#define REGISTER_SELECT 0x00u
#define REGISTER_WINDOW 0x10u

#define INDEX_VERSION     0x01u
#define INDEX_REDIRECTION 0x10u /* two registers a line: low, high */

#define VERSION_ABSENT     0xFFFFFFFFu
#define VERSION_LINE_SHIFT 16u /* number of the last line */
#define VERSION_LINE_MASK  0xFFu

#define ENTRY_DESTINATION_SHIFT 24u /* in the high half */

static uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t index)
{
    mmio_write32(ioapic->registers + REGISTER_SELECT, index);
    return mmio_read32(ioapic->registers + REGISTER_WINDOW);
}

static void ioapic_write(const struct ioapic *ioapic, uint32_t index, uint32_t value)
{
    mmio_write32(ioapic->registers + REGISTER_SELECT, index);
    mmio_write32(ioapic->registers + REGISTER_WINDOW, value);
}

static uint32_t ioapic_entry(uint32_t line)
{
    return INDEX_REDIRECTION + 2 * line;
}

enum status ioapic_init(struct ioapic *ioapic, volatile void *registers, uint32_t gsi_base)
{
    *ioapic = (struct ioapic){.registers = registers, .gsi_base = gsi_base};
    uint32_t version = ioapic_read(ioapic, INDEX_VERSION);
    if (version == VERSION_ABSENT || version == 0)
        return STATUS_NOT_FOUND;
    ioapic->line_count = ((version >> VERSION_LINE_SHIFT) & VERSION_LINE_MASK) + 1;
    /* Firmware leaves lines live (its timer, a keyboard), to vectors of its own IDT. */
    for (uint32_t line = 0; line < ioapic->line_count; line++)
        ioapic_write(ioapic, ioapic_entry(line), IOAPIC_MASKED);
    return STATUS_OK;
}

enum status ioapic_route(struct ioapic *ioapic, uint32_t gsi, uint8_t vector, uint32_t apic_id, uint32_t flags)
{
    /* Vectors below 16 are illegal to an APIC (SDM 3, 11.5.2), and those below 32 are exceptions. */
    bool nmi = (flags & IOAPIC_NMI) != 0;
    if (!ioapic_has(ioapic, gsi) || (vector < 32 && (flags & (IOAPIC_NMI | IOAPIC_MASKED)) == 0))
        return STATUS_INVALID;
    if (apic_id > 0xFF)
        return STATUS_LIMIT;
    uint32_t entry = ioapic_entry(gsi - ioapic->gsi_base);
    ioapic_write(ioapic, entry, IOAPIC_MASKED); /* never half changed and live */
    ioapic_write(ioapic, entry + 1, apic_id << ENTRY_DESTINATION_SHIFT);
    uint32_t allowed = IOAPIC_MASKED | IOAPIC_ACTIVE_LOW | (nmi ? IOAPIC_NMI : IOAPIC_LEVEL);
    ioapic_write(ioapic, entry, vector | (flags & allowed));
    return STATUS_OK;
}
