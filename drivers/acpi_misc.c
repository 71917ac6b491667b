/*
 * The small tables: HPET, MCFG, SRAT, BGRT.
 *
 *     HPET   where the timer's registers are           kernel/machine.c calibrates the TSC by it
 *     MCFG   PCI configuration space in memory         all segments; without it ports, segment 0 only
 *     SRAT   which CPU and which memory are near       kernel/numa.c makes nodes of it
 *     BGRT   the firmware's logo, an image in memory   kept out of reclaim: the table outlives the image otherwise
 *
 * Rules: as in acpi.h. Lengths are at least what the fields read need; an address is below 2^52 or there is none.
 */
#include "drivers/acpi_read.h"

/* IA-PC HPET 1.0a, 3.2.4: event timer block ID, then a generic address. */
#define HPET_BYTES          56u
#define HPET_OFFSET_SPACE   40u
#define HPET_OFFSET_ADDRESS 44u

/* PCI Firmware 3.3, 4.1.2: 8 reserved bytes, then windows of 16 bytes. */
#define MCFG_OFFSET_WINDOWS 44u
#define MCFG_WINDOW_BYTES   16

/* 5.2.16: 12 reserved bytes, then entries. */
#define SRAT_OFFSET_ENTRIES 48u
#define SRAT_ENABLED        0x1u

enum {
    SRAT_LOCAL_APIC = 0,   /* 5.2.16.1 */
    SRAT_MEMORY = 1,       /* 5.2.16.2 */
    SRAT_LOCAL_X2APIC = 2, /* 5.2.16.3 */
};

/* 5.2.22; the image is a BMP, whose header is 14 bytes: "BM", its size in bytes, ... */
#define BGRT_BYTES          56u
#define BGRT_OFFSET_TYPE    39u
#define BGRT_OFFSET_ADDRESS 40u
#define BGRT_TYPE_BMP       0u
#define BMP_HEADER_BYTES    14u
#define BMP_OFFSET_SIZE     2u
#define BMP_BYTES_MAX       (64 * MIB)

enum status acpi_hpet_parse(const struct acpi_table *table, struct paddr *registers)
{
    if (!acpi_table_is(table, "HPET", HPET_BYTES))
        return STATUS_INVALID;
    uint64_t address = acpi_field(table, HPET_OFFSET_ADDRESS, 8);
    /* A generic address could name I/O space as well; no HPET is there. */
    bool in_memory = acpi_field(table, HPET_OFFSET_SPACE, 1) == ACPI_SPACE_MEMORY;
    if (!in_memory || address == 0 || address >= ACPI_ADDRESS_LIMIT)
        return STATUS_NOT_FOUND;
    *registers = PADDR(address);
    return STATUS_OK;
}

uint32_t acpi_mcfg_parse(const struct acpi_table *table, struct acpi_ecam *windows, uint32_t capacity)
{
    uint32_t count = 0;
    if (!acpi_table_is(table, "MCFG", MCFG_OFFSET_WINDOWS))
        return 0;
    const uint8_t *end = table->bytes + acpi_table_bytes(table);
    const uint8_t *bytes = table->bytes + MCFG_OFFSET_WINDOWS;
    for (; end - bytes >= MCFG_WINDOW_BYTES && count < capacity; bytes += MCFG_WINDOW_BYTES) {
        struct acpi_ecam window = {
            .base = acpi_u64(bytes),
            .segment = acpi_u16(bytes + 8),
            .first_bus = bytes[10],
            .last_bus = bytes[11],
        };
        if (window.base != 0 && window.base < ACPI_ADDRESS_LIMIT && window.first_bus <= window.last_bus)
            windows[count++] = window;
    }
    return count;
}

/* False: not enabled, senseless, too short for its type, or of a type that says nothing to us. */
static bool srat_read(const uint8_t *entry, struct acpi_affinity *affinity)
{
    uint32_t flags = 0;
    if (entry[0] == SRAT_MEMORY && entry[1] >= 40) {
        uint64_t base = acpi_u64(entry + 8);
        uint64_t size_bytes = acpi_u64(entry + 16);
        struct prange range = PRANGE(base, base + size_bytes);
        *affinity = (struct acpi_affinity){.domain = acpi_u32(entry + 2), .is_memory = true, .range = range};
        /* Compared by subtraction: base + size may wrap. */
        if (size_bytes != 0 && base < ACPI_ADDRESS_LIMIT && size_bytes <= ACPI_ADDRESS_LIMIT - base)
            flags = acpi_u32(entry + 28);
    } else if (entry[0] == SRAT_LOCAL_APIC && entry[1] >= 16) {
        uint32_t domain = entry[2] | (acpi_u32(entry + 8) & 0xFFFFFF00u); /* three bytes came with a later revision */
        *affinity = (struct acpi_affinity){.domain = domain, .apic_id = entry[3]};
        flags = acpi_u32(entry + 4);
    } else if (entry[0] == SRAT_LOCAL_X2APIC && entry[1] >= 24) {
        *affinity = (struct acpi_affinity){.domain = acpi_u32(entry + 4), .apic_id = acpi_u32(entry + 8)};
        flags = acpi_u32(entry + 12);
    }
    return (flags & SRAT_ENABLED) != 0;
}

bool acpi_srat_next(const struct acpi_table *table, struct acpi_affinity *entry)
{
    if (!acpi_table_is(table, "SRAT", SRAT_OFFSET_ENTRIES))
        return false;
    uint64_t at = max_u64(entry->next, SRAT_OFFSET_ENTRIES);
    bool says_something = false;
    for (const uint8_t *bytes; !says_something && (bytes = acpi_entry(table, at)) != NULL; at += bytes[1])
        says_something = srat_read(bytes, entry);
    entry->next = at;
    return says_something;
}

enum status acpi_bgrt_parse(const struct acpi *acpi, const struct acpi_table *table, struct prange *image)
{
    if (!acpi_table_is(table, "BGRT", BGRT_BYTES))
        return STATUS_INVALID;
    uint64_t address = acpi_field(table, BGRT_OFFSET_ADDRESS, 8);
    bool is_bmp = acpi_field(table, BGRT_OFFSET_TYPE, 1) == BGRT_TYPE_BMP;
    if (!is_bmp || address == 0 || address >= ACPI_ADDRESS_LIMIT - BMP_BYTES_MAX)
        return STATUS_NOT_FOUND;
    /* The table holds no length: only the image's own header does, so that is mapped first and measured. */
    const uint8_t *header = acpi->reader.map(acpi->reader.context, PADDR(address), BMP_HEADER_BYTES);
    if (header == NULL || header[0] != 'B' || header[1] != 'M')
        return STATUS_NOT_FOUND;
    uint32_t size_bytes = acpi_u32(header + BMP_OFFSET_SIZE);
    if (size_bytes < BMP_HEADER_BYTES || size_bytes > BMP_BYTES_MAX)
        return STATUS_NOT_FOUND;
    *image = PRANGE(address, address + size_bytes);
    return STATUS_OK;
}
