/*
 * The MADT, 5.2.12: which CPUs and interrupt controllers there are. Offsets are those of the tables of 5.2.12.x.
 *
 *     0        36          40      44
 *     | header | local APIC| flags | type length ... | type length ... | ...        entries, each as long as it says
 *
 *     type 0   local APIC    processor UID  APIC ID  flags (4)                      8 bytes
 *     type 1   I/O APIC      ID  reserved  address (4)  first global interrupt (4)  12
 *     type 2   override      bus  ISA IRQ  global interrupt (4)  flags (2)          10
 *     type 9   local x2APIC  reserved (2)  x2APIC ID (4)  flags (4)  UID (4)        16
 *
 * Rules: a CPU may be listed as type 0 and as type 9, twice, or without being there, since firmware pads the table for
 * empty sockets. So IDs are compared, flags are heeded, and the order of the table is kept.
 */
#include "drivers/acpi_read.h"

#define MADT_OFFSET_ENTRIES 44u

enum {
    ENTRY_LOCAL_APIC = 0,   /* 5.2.12.2 */
    ENTRY_IOAPIC = 1,       /* 5.2.12.3 */
    ENTRY_OVERRIDE = 2,     /* 5.2.12.5 */
    ENTRY_LOCAL_X2APIC = 9, /* 5.2.12.12 */
};

#define CPU_ENABLED        0x1u
#define CPU_ONLINE_CAPABLE 0x2u

/* IDs that address every CPU, and so none: SDM 3, 11.6.2.1 and 11.12.9. */
#define APIC_ID_ALL   0xFFu
#define X2APIC_ID_ALL 0xFFFFFFFFu

/* MPS INTI flags, table 5.25. 0 conforms to the bus. */
#define INTI_POLARITY_MASK 0x3u
#define INTI_ACTIVE_LOW    0x3u
#define INTI_TRIGGER_MASK  0xCu
#define INTI_LEVEL         0xCu

uint32_t acpi_madt_cpus(const struct acpi_table *table)
{
    uint32_t count = 0;
    if (!acpi_table_is(table, "APIC", MADT_OFFSET_ENTRIES))
        return 0;
    uint64_t at = MADT_OFFSET_ENTRIES;
    /* entry[1] is at least 2 (acpi_entry), so the walk moves on whatever the table says. */
    for (const uint8_t *entry; count < ACPI_CPUS_MAX && (entry = acpi_entry(table, at)) != NULL; at += entry[1])
        count += entry[0] == ENTRY_LOCAL_APIC || entry[0] == ENTRY_LOCAL_X2APIC;
    return count;
}

static void madt_add_cpu(struct acpi_madt *madt, uint32_t apic_id, uint32_t flags)
{
    /* Neither bit: a socket that is empty (5.2.12.2). Online-capable alone: it may be plugged in later. */
    if ((flags & (CPU_ENABLED | CPU_ONLINE_CAPABLE)) == 0 || apic_id == X2APIC_ID_ALL) {
        madt->cpus_disabled++;
        return;
    }
    bool enabled = (flags & CPU_ENABLED) != 0;
    for (uint32_t i = 0; i < madt->cpu_count; i++) {
        if (madt->cpus[i].apic_id == apic_id) {
            /*
             * Listed twice with different flags: one that says enabled is enough, starting an absent CPU only costs a
             * time-out.
             */
            madt->cpus[i].enabled |= enabled;
            madt->cpus_repeated++;
            return;
        }
    }
    if (madt->cpu_count < madt->cpu_capacity)
        madt->cpus[madt->cpu_count++] = (struct acpi_cpu){.apic_id = apic_id, .enabled = enabled};
}

static void madt_add_ioapic(struct acpi_madt *madt, const uint8_t *entry)
{
    struct acpi_ioapic ioapic = {.address = acpi_u32(entry + 4), .gsi_base = acpi_u32(entry + 8)};
    for (uint32_t i = 0; i < madt->ioapic_count; i++) {
        /* Firmware lists one twice; two structs over the same registers would each think that they own its lines. */
        if (madt->ioapics[i].address == ioapic.address)
            return;
    }
    if (ioapic.address != 0 && madt->ioapic_count < ACPI_IOAPICS_MAX)
        madt->ioapics[madt->ioapic_count++] = ioapic;
}

static void madt_add_override(struct acpi_madt *madt, const uint8_t *entry)
{
    uint16_t flags = acpi_u16(entry + 8);
    bool is_isa = entry[2] == 0; /* the only bus there is */
    if (!is_isa || madt->override_count == ACPI_OVERRIDES_MAX)
        return;
    madt->overrides[madt->override_count++] = (struct acpi_override){
        .gsi = acpi_u32(entry + 4),
        .isa_irq = entry[3],
        .level = (flags & INTI_TRIGGER_MASK) == INTI_LEVEL,
        .active_low = (flags & INTI_POLARITY_MASK) == INTI_ACTIVE_LOW,
        .trigger_told = (flags & INTI_TRIGGER_MASK) != 0,
        .polarity_told = (flags & INTI_POLARITY_MASK) != 0,
    };
}

/* Entries of other types, and those that are too short for theirs, say nothing. */
static void madt_add(struct acpi_madt *madt, const uint8_t *entry)
{
    uint8_t type = entry[0];
    uint8_t size_bytes = entry[1];
    if (type == ENTRY_LOCAL_APIC && size_bytes >= 8)
        madt_add_cpu(madt, entry[3] == APIC_ID_ALL ? X2APIC_ID_ALL : entry[3], acpi_u32(entry + 4));
    else if (type == ENTRY_LOCAL_X2APIC && size_bytes >= 16)
        madt_add_cpu(madt, acpi_u32(entry + 4), acpi_u32(entry + 8));
    else if (type == ENTRY_IOAPIC && size_bytes >= 12)
        madt_add_ioapic(madt, entry);
    else if (type == ENTRY_OVERRIDE && size_bytes >= 10)
        madt_add_override(madt, entry);
}

enum status acpi_madt_parse(const struct acpi_table *table, struct acpi_cpu *cpus, uint32_t cpu_capacity,
                            struct acpi_madt *madt)
{
    *madt = (struct acpi_madt){.cpus = cpus, .cpu_capacity = cpu_capacity};
    if (!acpi_table_is(table, "APIC", MADT_OFFSET_ENTRIES))
        return STATUS_INVALID;
    uint64_t at = MADT_OFFSET_ENTRIES;
    for (const uint8_t *entry; (entry = acpi_entry(table, at)) != NULL; at += entry[1])
        madt_add(madt, entry);
    return STATUS_OK;
}

struct acpi_override acpi_madt_isa(const struct acpi_madt *madt, uint8_t isa_irq)
{
    for (uint32_t i = 0; i < madt->override_count; i++)
        if (madt->overrides[i].isa_irq == isa_irq)
            return madt->overrides[i];
    return (struct acpi_override){.gsi = isa_irq, .isa_irq = isa_irq}; /* wired one to one, as ISA signals */
}

/* 5.2.9: the SCI is level and active low, whatever ISA is. Numbers that ISA does not have are global ones already. */
struct acpi_override acpi_madt_sci(const struct acpi_madt *madt, uint16_t sci_interrupt)
{
    struct acpi_override line = {.gsi = sci_interrupt};
    if (sci_interrupt <= UINT8_MAX)
        line = acpi_madt_isa(madt, (uint8_t)sci_interrupt);
    line.level |= !line.trigger_told;
    line.active_low |= !line.polarity_told;
    return line;
}
