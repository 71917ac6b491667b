/*
 * Reading numbers and variable-length entries out of tables: what the acpi_*.c files share; nobody else includes it.
 *
 * Rules: fields are little-endian and anywhere; a field beyond the table's end reads as 0, which every parser takes
 * for "absent", so short tables of old revisions need no special case.
 */
#ifndef KEEL_DRIVERS_ACPI_READ_H
#define KEEL_DRIVERS_ACPI_READ_H

#include "drivers/acpi.h"

/* 5.2.6: the header of every table but RSDP and FACS. */
#define ACPI_HEADER_BYTES    36u
#define ACPI_OFFSET_LENGTH   4u
#define ACPI_OFFSET_REVISION 8u

#define ACPI_ADDRESS_LIMIT ((uint64_t)1 << 52) /* no x86 CPU has more (SDM 3, 4.1.4) */

static inline uint16_t acpi_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t acpi_u32(const uint8_t *bytes)
{
    return acpi_u16(bytes) | (uint32_t)acpi_u16(bytes + 2) << 16;
}

static inline uint64_t acpi_u64(const uint8_t *bytes)
{
    return acpi_u32(bytes) | (uint64_t)acpi_u32(bytes + 4) << 32;
}

static inline uint64_t acpi_table_bytes(const struct acpi_table *table)
{
    return prange_bytes(table->extent);
}

/* A little-endian field of 1, 2, 4 or 8 bytes. */
static inline uint64_t acpi_field(const struct acpi_table *table, uint32_t offset, uint32_t size_bytes)
{
    uint64_t value = 0;
    if (offset + (uint64_t)size_bytes > acpi_table_bytes(table))
        return 0;
    for (uint32_t i = 0; i < size_bytes; i++)
        value |= (uint64_t)table->bytes[offset + i] << (8 * i);
    return value;
}

/* Is there a table, and is it one of this signature with at least `minimum_bytes`? */
static inline bool acpi_table_is(const struct acpi_table *table, const char signature[4], uint64_t minimum_bytes)
{
    return table != NULL && table->valid && __builtin_memcmp(table->signature, signature, 4) == 0 &&
           acpi_table_bytes(table) >= minimum_bytes;
}

/*
 * MADT and SRAT consist of entries: type, length (both a byte, both counted), then the rest. Gives the whole entry at
 * `offset` (at most the table's length): entry[0] is its type, entry[1] its length. NULL: the table ends here, or the
 * length is under 2 or runs out of the table.
 */
static inline const uint8_t *acpi_entry(const struct acpi_table *table, uint64_t offset)
{
    const uint8_t *entry = table->bytes + offset;
    uint64_t left_bytes = acpi_table_bytes(table) - offset;
    return left_bytes >= 2 && entry[1] >= 2 && entry[1] <= left_bytes ? entry : NULL;
}

#endif
