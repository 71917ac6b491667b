/* The MADT, 5.2.12: which CPUs and interrupt controllers there are. Offsets are those of the tables of 5.2.12.x. */
#include "drivers/acpi_read.h"

#define MADT_OFFSET_LOCAL_APIC 36u
#define MADT_OFFSET_FLAGS      40u
#define MADT_OFFSET_ENTRIES    44u
#define MADT_PCAT_COMPAT       0x1u

enum {
    ENTRY_LOCAL_APIC = 0,         /* 5.2.12.2 */
    ENTRY_IOAPIC = 1,             /* 5.2.12.3 */
    ENTRY_OVERRIDE = 2,           /* 5.2.12.5 */
    ENTRY_LOCAL_APIC_NMI = 4,     /* 5.2.12.7 */
    ENTRY_LOCAL_APIC_ADDRESS = 5, /* 5.2.12.8 */
    ENTRY_LOCAL_X2APIC = 9,       /* 5.2.12.12 */
    ENTRY_LOCAL_X2APIC_NMI = 10,  /* 5.2.12.13 */
    ENTRY_WAKEUP = 16,            /* 5.2.12.19 */
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
    struct acpi_entries entries = acpi_entries_of(table, MADT_OFFSET_ENTRIES);
    for (const uint8_t *entry; (entry = acpi_entries_next(&entries)) != NULL && count < ACPI_CPUS_MAX;)
        count += entry[0] == ENTRY_LOCAL_APIC || entry[0] == ENTRY_LOCAL_X2APIC;
    return count;
}

static void madt_add_cpu(struct acpi_madt *madt, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
    if ((flags & (CPU_ENABLED | CPU_ONLINE_CAPABLE)) == 0 || apic_id == X2APIC_ID_ALL) {
        madt->cpus_disabled++;
        return;
    }
    bool enabled = (flags & CPU_ENABLED) != 0;
    for (uint32_t i = 0; i < madt->cpu_count; i++) {
        if (madt->cpus[i].apic_id == apic_id) {
            madt->cpus[i].enabled |= enabled;
            madt->cpus_repeated++;
            return;
        }
    }
    if (madt->cpu_count == madt->cpu_capacity) {
        madt->cpus_dropped++;
        return;
    }
    madt->cpus[madt->cpu_count++] = (struct acpi_cpu){.apic_id = apic_id, .uid = uid, .enabled = enabled};
}

static void madt_add_local_apic(struct acpi_madt *madt, const uint8_t *entry)
{
    uint32_t apic_id = entry[3] == APIC_ID_ALL ? X2APIC_ID_ALL : entry[3];
    madt_add_cpu(madt, apic_id, entry[2], acpi_u32(entry + 4));
}

static void madt_add_x2apic(struct acpi_madt *madt, const uint8_t *entry)
{
    madt_add_cpu(madt, acpi_u32(entry + 4), acpi_u32(entry + 12), acpi_u32(entry + 8));
}

static void madt_add_ioapic(struct acpi_madt *madt, const uint8_t *entry)
{
    struct acpi_ioapic ioapic = {.address = acpi_u32(entry + 4), .gsi_base = acpi_u32(entry + 8), .id = entry[2]};
    bool repeated = false;
    for (uint32_t i = 0; i < madt->ioapic_count; i++)
        repeated |= madt->ioapics[i].address == ioapic.address;
    if (repeated || ioapic.address == 0 || madt->ioapic_count == ACPI_IOAPICS_MAX)
        madt->skipped_count++;
    else
        madt->ioapics[madt->ioapic_count++] = ioapic;
}

static void madt_add_override(struct acpi_madt *madt, const uint8_t *entry)
{
    uint16_t flags = acpi_u16(entry + 8);
    struct acpi_override override = {
        .gsi = acpi_u32(entry + 4),
        .isa_irq = entry[3],
        .level = (flags & INTI_TRIGGER_MASK) == INTI_LEVEL,
        .active_low = (flags & INTI_POLARITY_MASK) == INTI_ACTIVE_LOW,
    };
    bool is_isa = entry[2] == 0; /* the only bus there is */
    if (!is_isa || madt->override_count == ACPI_OVERRIDES_MAX)
        madt->skipped_count++;
    else
        madt->overrides[madt->override_count++] = override;
}

static void madt_add_nmi(struct acpi_madt *madt, const uint8_t *entry)
{
    (void)entry;
    madt->nmi_count++;
}

static void madt_set_local_apic(struct acpi_madt *madt, const uint8_t *entry)
{
    madt->local_apic_address = acpi_u64(entry + 4);
}

static void madt_set_wakeup(struct acpi_madt *madt, const uint8_t *entry)
{
    madt->wakeup_mailbox = acpi_u64(entry + 8);
}

/* What to do with an entry, and the length that it must at least have for that. */
static const struct {
    uint8_t type;
    uint8_t minimum_bytes;
    void (*add)(struct acpi_madt *madt, const uint8_t *entry);
} madt_kinds[] = {
    {ENTRY_LOCAL_APIC,         8,  madt_add_local_apic},
    {ENTRY_IOAPIC,             12, madt_add_ioapic    },
    {ENTRY_OVERRIDE,           10, madt_add_override  },
    {ENTRY_LOCAL_APIC_NMI,     6,  madt_add_nmi       },
    {ENTRY_LOCAL_APIC_ADDRESS, 12, madt_set_local_apic},
    {ENTRY_LOCAL_X2APIC,       16, madt_add_x2apic    },
    {ENTRY_LOCAL_X2APIC_NMI,   12, madt_add_nmi       },
    {ENTRY_WAKEUP,             16, madt_set_wakeup    },
};

static void madt_add(struct acpi_madt *madt, const uint8_t *entry)
{
    for (size_t i = 0; i < ARRAY_COUNT(madt_kinds); i++) {
        if (madt_kinds[i].type == entry[0] && entry[1] >= madt_kinds[i].minimum_bytes) {
            madt_kinds[i].add(madt, entry);
            return;
        }
    }
    madt->skipped_count++;
}

enum status acpi_madt_parse(const struct acpi_table *table, struct acpi_cpu *cpus, uint32_t cpu_capacity,
                            struct acpi_madt *madt)
{
    __builtin_memset(madt, 0, sizeof(*madt));
    madt->cpus = cpus;
    madt->cpu_capacity = cpu_capacity < ACPI_CPUS_MAX ? cpu_capacity : ACPI_CPUS_MAX;
    if (!acpi_table_is(table, "APIC", MADT_OFFSET_ENTRIES))
        return STATUS_INVALID;
    madt->local_apic_address = acpi_field(table, MADT_OFFSET_LOCAL_APIC, 4);
    madt->has_pic = (acpi_field(table, MADT_OFFSET_FLAGS, 4) & MADT_PCAT_COMPAT) != 0;

    struct acpi_entries entries = acpi_entries_of(table, MADT_OFFSET_ENTRIES);
    for (const uint8_t *entry; (entry = acpi_entries_next(&entries)) != NULL;)
        madt_add(madt, entry);
    madt->truncated = entries.truncated;
    return STATUS_OK;
}

struct acpi_override acpi_madt_isa(const struct acpi_madt *madt, uint8_t isa_irq)
{
    for (uint32_t i = 0; i < madt->override_count; i++) {
        if (madt->overrides[i].isa_irq == isa_irq)
            return madt->overrides[i];
    }
    return (struct acpi_override){.gsi = isa_irq, .isa_irq = isa_irq};
}
