/*
 * From the RSDP to a list of checked tables.
 *
 *     RSDP --> XSDT (64-bit addresses), or RSDT (32-bit) where there is no good XSDT
 *                |--> APIC, HPET, MCFG, ...
 *                '--> FACP --> DSDT, FACS
 */
#include "drivers/acpi_read.h"

/* 5.2.5.3: the RSDP. Revision 0 has 20 bytes and an RSDT only. */
#define RSDP_BYTES_V1        20u
#define RSDP_BYTES_V2        36u
#define RSDP_BYTES_MAX       4096u
#define RSDP_OFFSET_OEM_ID   9u
#define RSDP_OFFSET_REVISION 15u
#define RSDP_OFFSET_RSDT     16u
#define RSDP_OFFSET_LENGTH   20u
#define RSDP_OFFSET_XSDT     24u

#define FACS_BYTES_MIN 64u /* 5.2.10: signature, length and the rest; no checksum */

static const uint8_t *acpi_map(const struct acpi *acpi, uint64_t address, uint64_t size_bytes)
{
    if (address == 0 || address >= ACPI_ADDRESS_LIMIT || size_bytes > ACPI_ADDRESS_LIMIT - address)
        return NULL;
    return acpi->reader.map(acpi->reader.context, PADDR(address), size_bytes);
}

static bool acpi_checksum_right(const uint8_t *bytes, uint64_t size_bytes)
{
    uint32_t sum = 0;
    uint64_t i = 0;
    for (; i + 4 <= size_bytes; i += 4)
        sum += bytes[i] + bytes[i + 1] + bytes[i + 2] + bytes[i + 3];
    for (; i < size_bytes; i++)
        sum += bytes[i];
    return (uint8_t)sum == 0;
}

/* Text that is printed later: firmware's bytes that are not printable ASCII become '?'. */
static void acpi_copy_text(char *to, const uint8_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = from[i] >= 0x20 && from[i] < 0x7F ? (char)from[i] : '?';
}

/* Maps the whole of a table whose header is readable. NULL: it is not to be believed. */
static const uint8_t *acpi_map_table(const struct acpi *acpi, struct acpi_table *table, uint32_t size_bytes)
{
    /* 5.2.10: the FACS has a signature and a length where others have them, but no checksum. */
    bool is_facs = __builtin_memcmp(table->signature, "FACS", 4) == 0;
    uint64_t address = table->extent.start.value;
    /* Bounds before the mapping: a length of 4 GiB would map, and sum up, four GiB. */
    if (size_bytes < (is_facs ? FACS_BYTES_MIN : ACPI_HEADER_BYTES) || size_bytes > ACPI_TABLE_BYTES_MAX)
        return NULL;
    const uint8_t *bytes = acpi_map(acpi, address, size_bytes);
    if (bytes == NULL)
        return NULL;
    table->extent = PRANGE(address, address + size_bytes);
    return is_facs || acpi_checksum_right(bytes, size_bytes) ? bytes : NULL;
}

/* Lists the table at `address`, once. Returns it, or NULL when nothing is readable there or the list is full. */
static const struct acpi_table *acpi_add(struct acpi *acpi, uint64_t address)
{
    /* A table that is named twice (DSDT in the XSDT too), or a root that names itself, is listed once: no loops. */
    for (uint32_t i = 0; i < acpi->table_count; i++)
        if (acpi->tables[i].extent.start.value == address)
            return &acpi->tables[i];
    if (address == 0 || acpi->table_count == ACPI_TABLES_MAX)
        return NULL;
    const uint8_t *header = acpi_map(acpi, address, ACPI_HEADER_BYTES);
    if (header == NULL) {
        acpi->bad_count++;
        return NULL;
    }
    struct acpi_table *table = &acpi->tables[acpi->table_count++];
    table->revision = header[ACPI_OFFSET_REVISION];
    table->extent = PRANGE(address, address + ACPI_HEADER_BYTES);
    acpi_copy_text(table->signature, header, sizeof(table->signature));
    table->bytes = acpi_map_table(acpi, table, acpi_u32(header + ACPI_OFFSET_LENGTH));
    table->valid = table->bytes != NULL;
    acpi->bad_count += !table->valid;
    return table;
}

const struct acpi_table *acpi_find(const struct acpi *acpi, const char signature[4])
{
    for (uint32_t i = 0; i < acpi->table_count; i++)
        if (acpi_table_is(&acpi->tables[i], signature, 0))
            return &acpi->tables[i];
    return NULL;
}

/*
 * Lists what an RSDT (addresses of 4 bytes) or XSDT (8 bytes) points to. False when it is not such a table or points to
 * nothing at all: then the other one is worth a try.
 */
static bool acpi_walk_root(struct acpi *acpi, uint64_t address, const char signature[4], uint32_t pointer_bytes)
{
    const struct acpi_table *root = acpi_add(acpi, address);
    if (!acpi_table_is(root, signature, ACPI_HEADER_BYTES + pointer_bytes))
        return false;
    uint32_t listed_before = acpi->table_count;
    uint64_t size_bytes = acpi_table_bytes(root);
    uint32_t offset = ACPI_HEADER_BYTES; /* a hostile root has two million entries: a full list ends the walk */
    for (; offset + pointer_bytes <= size_bytes && acpi->table_count < ACPI_TABLES_MAX; offset += pointer_bytes)
        (void)acpi_add(acpi, acpi_field(root, offset, pointer_bytes));
    return acpi->table_count > listed_before;
}

/* The extended RSDP's own checksum covers what revision 0 lacks; without it, only the RSDT's address is believed. */
static void acpi_extend_rsdp(const struct acpi *acpi, struct acpi_table *rsdp)
{
    uint64_t address = rsdp->extent.start.value;
    const uint8_t *bytes = acpi_map(acpi, address, RSDP_BYTES_V2);
    if (rsdp->revision < 2 || bytes == NULL)
        return;
    uint32_t size_bytes = acpi_u32(bytes + RSDP_OFFSET_LENGTH);
    if (size_bytes < RSDP_BYTES_V2 || size_bytes > RSDP_BYTES_MAX)
        return;
    bytes = acpi_map(acpi, address, size_bytes);
    if (bytes == NULL || !acpi_checksum_right(bytes, size_bytes))
        return;
    rsdp->extent = PRANGE(address, address + size_bytes);
    rsdp->bytes = bytes;
}

enum status acpi_init(struct acpi *acpi, struct acpi_reader reader, struct paddr address)
{
    __builtin_memset(acpi, 0, sizeof(*acpi));
    acpi->reader = reader;
    const uint8_t *bytes = acpi_map(acpi, address.value, RSDP_BYTES_V1);
    if (bytes == NULL)
        return STATUS_NOT_FOUND;
    /* 5.2.5.3: the first 20 bytes have a checksum of their own in every revision. */
    if (__builtin_memcmp(bytes, "RSD PTR ", 8) != 0 || !acpi_checksum_right(bytes, RSDP_BYTES_V1))
        return STATUS_INVALID;
    acpi_copy_text(acpi->oem_id, bytes + RSDP_OFFSET_OEM_ID, sizeof(acpi->oem_id) - 1);
    struct acpi_table *rsdp = &acpi->tables[acpi->table_count++];
    *rsdp = (struct acpi_table){
        .signature = {'R', 'S', 'D', ' '},
        .revision = bytes[RSDP_OFFSET_REVISION],
        .valid = true,
        .extent = PRANGE(address.value, address.value + RSDP_BYTES_V1),
        .bytes = bytes,
    };
    acpi_extend_rsdp(acpi, rsdp);
    if (!acpi_walk_root(acpi, acpi_field(rsdp, RSDP_OFFSET_XSDT, 8), "XSDT", 8) &&
        !acpi_walk_root(acpi, acpi_field(rsdp, RSDP_OFFSET_RSDT, 4), "RSDT", 4))
        return STATUS_INVALID;

    struct acpi_fadt fadt; /* only the FADT knows where DSDT and FACS are */
    if (acpi_fadt_parse(acpi_find(acpi, "FACP"), &fadt) == STATUS_OK) {
        (void)acpi_add(acpi, fadt.dsdt);
        (void)acpi_add(acpi, fadt.facs);
    }
    return STATUS_OK;
}
