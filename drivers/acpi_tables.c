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
    uint8_t sum = 0;
    for (uint64_t i = 0; i < size_bytes; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

/* Text that is printed later: firmware's bytes that are not printable ASCII become '?'. */
static void acpi_copy_text(char *to, const uint8_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = from[i] >= 0x20 && from[i] < 0x7F ? (char)from[i] : '?';
}

static const struct acpi_table *acpi_known(const struct acpi *acpi, uint64_t address)
{
    for (uint32_t i = 0; i < acpi->table_count; i++) {
        if (acpi->tables[i].extent.start.value == address)
            return &acpi->tables[i];
    }
    return NULL;
}

static struct acpi_table *acpi_append(struct acpi *acpi, const struct acpi_table *table)
{
    if (acpi->table_count == ACPI_TABLES_MAX) {
        acpi->dropped_count++;
        return NULL;
    }
    acpi->tables[acpi->table_count] = *table;
    acpi->bad_count += !table->valid;
    return &acpi->tables[acpi->table_count++];
}

/* Maps the whole of a table whose header is readable; true when it may be believed. */
static bool acpi_check(const struct acpi *acpi, struct acpi_table *table, uint64_t address, uint32_t size_bytes)
{
    bool is_facs = __builtin_memcmp(table->signature, "FACS", 4) == 0;
    if (size_bytes < (is_facs ? FACS_BYTES_MIN : ACPI_HEADER_BYTES) || size_bytes > ACPI_TABLE_BYTES_MAX)
        return false;
    const uint8_t *bytes = acpi_map(acpi, address, size_bytes);
    if (bytes == NULL)
        return false;
    table->extent = PRANGE(address, address + size_bytes);
    if (!is_facs && !acpi_checksum_right(bytes, size_bytes))
        return false;
    table->bytes = bytes;
    return true;
}

/* Lists the table at `address`, once. Returns it, or NULL when nothing is readable there or the list is full. */
static const struct acpi_table *acpi_add(struct acpi *acpi, uint64_t address)
{
    const struct acpi_table *known = acpi_known(acpi, address);
    if (known != NULL)
        return known;
    const uint8_t *header = acpi_map(acpi, address, ACPI_HEADER_BYTES);
    if (header == NULL) {
        acpi->bad_count++;
        return NULL;
    }
    struct acpi_table table = {
        .revision = header[ACPI_OFFSET_REVISION],
        .extent = PRANGE(address, address + ACPI_HEADER_BYTES),
    };
    acpi_copy_text(table.signature, header, sizeof(table.signature));
    table.valid = acpi_check(acpi, &table, address, acpi_u32(header + ACPI_OFFSET_LENGTH));
    return acpi_append(acpi, &table);
}

const struct acpi_table *acpi_find(const struct acpi *acpi, const char signature[4])
{
    for (uint32_t i = 0; i < acpi->table_count; i++) {
        if (acpi_table_is(&acpi->tables[i], signature, 0))
            return &acpi->tables[i];
    }
    return NULL;
}

/*
 * Lists what an RSDT (addresses of 4 bytes) or XSDT (8 bytes) points to. STATUS_INVALID when it is not such a table
 * or points to nothing at all: then the other one is worth a try.
 */
static enum status acpi_walk_root(struct acpi *acpi, uint64_t address, const char signature[4], uint32_t pointer_bytes)
{
    if (address == 0)
        return STATUS_NOT_FOUND;
    const struct acpi_table *root = acpi_add(acpi, address);
    if (root == NULL || !acpi_table_is(root, signature, ACPI_HEADER_BYTES + pointer_bytes))
        return STATUS_INVALID;
    uint32_t listed_before = acpi->table_count;
    uint64_t size_bytes = acpi_table_bytes(root);
    for (uint32_t offset = ACPI_HEADER_BYTES; offset + pointer_bytes <= size_bytes; offset += pointer_bytes) {
        uint64_t entry = acpi_field(root, offset, pointer_bytes);
        if (entry != 0)
            (void)acpi_add(acpi, entry);
        if (acpi->dropped_count != 0)
            break; /* a hostile root has two million entries */
    }
    return acpi->table_count > listed_before ? STATUS_OK : STATUS_INVALID;
}

/* Only the FADT knows where DSDT and FACS are. */
static void acpi_walk_fadt(struct acpi *acpi)
{
    const struct acpi_table *table = acpi_find(acpi, "FACP");
    struct acpi_fadt fadt;
    if (table == NULL || acpi_fadt_parse(table, &fadt) != STATUS_OK)
        return;
    if (fadt.dsdt != 0)
        (void)acpi_add(acpi, fadt.dsdt);
    if (fadt.facs != 0)
        (void)acpi_add(acpi, fadt.facs);
}

/* The extended RSDP's own checksum covers what revision 0 lacks; without it, only the RSDT's address is believed. */
static uint64_t acpi_rsdp_xsdt(struct acpi *acpi, struct acpi_table *rsdp, uint64_t address)
{
    const uint8_t *bytes = acpi_map(acpi, address, RSDP_BYTES_V2);
    if (acpi->rsdp_revision < 2 || bytes == NULL)
        return 0;
    uint32_t size_bytes = acpi_u32(bytes + RSDP_OFFSET_LENGTH);
    if (size_bytes < RSDP_BYTES_V2 || size_bytes > RSDP_BYTES_MAX)
        return 0;
    bytes = acpi_map(acpi, address, size_bytes);
    if (bytes == NULL || !acpi_checksum_right(bytes, size_bytes))
        return 0;
    rsdp->extent = PRANGE(address, address + size_bytes);
    return acpi_u64(bytes + RSDP_OFFSET_XSDT);
}

enum status acpi_init(struct acpi *acpi, struct acpi_reader reader, struct paddr rsdp)
{
    __builtin_memset(acpi, 0, sizeof(*acpi));
    acpi->reader = reader;
    const uint8_t *bytes = acpi_map(acpi, rsdp.value, RSDP_BYTES_V1);
    if (bytes == NULL)
        return STATUS_NOT_FOUND;
    if (__builtin_memcmp(bytes, "RSD PTR ", 8) != 0 || !acpi_checksum_right(bytes, RSDP_BYTES_V1))
        return STATUS_INVALID;
    acpi->rsdp_revision = bytes[RSDP_OFFSET_REVISION];
    acpi_copy_text(acpi->oem_id, bytes + RSDP_OFFSET_OEM_ID, sizeof(acpi->oem_id) - 1);

    struct acpi_table table = {
        .signature = {'R', 'S', 'D', ' '},
        .revision = acpi->rsdp_revision,
        .valid = true,
        .extent = PRANGE(rsdp.value, rsdp.value + RSDP_BYTES_V1),
        .bytes = bytes,
    };
    uint64_t xsdt = acpi_rsdp_xsdt(acpi, &table, rsdp.value);
    (void)acpi_append(acpi, &table);
    enum status status = acpi_walk_root(acpi, xsdt, "XSDT", sizeof(uint64_t));
    if (status != STATUS_OK)
        status = acpi_walk_root(acpi, acpi_u32(bytes + RSDP_OFFSET_RSDT), "RSDT", sizeof(uint32_t));
    if (status != STATUS_OK)
        return STATUS_INVALID;
    acpi_walk_fadt(acpi);
    return STATUS_OK;
}
