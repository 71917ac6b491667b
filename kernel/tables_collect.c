/*
 * Where the firmware's tables are and how long: the configuration tables one GUID at a time, then ACPI's.
 *
 * Each shape that is known has a function that reads the table's own idea of its length. Table layouts: SMBIOS 3.6,
 * 5.2; UEFI 2.10, 4.6 and 23.4 (ESRT); TCG ACPI specification 1.4, 7.2 and 7.3 (TCPA and TPM2); Linux's
 * drivers/firmware/efi/libstub/tpm.c for the copy of the TPM log that boot loaders install.
 */
#include "kernel/tables.h"

#include "kernel/base/efi.h"
#include "kernel/base/string.h"
#include "kernel/runtime_map.h"

struct collector {
    struct table_list *list;
    const struct acpi_reader *reader;
    const struct memmap *map;
};

/* The bytes of a table, or NULL when that cannot be one: nothing, too long, or out of the address space. */
static const uint8_t *view(const struct acpi_reader *reader, uint64_t address, uint64_t size_bytes)
{
    if (address == 0 || size_bytes == 0 || size_bytes > TABLE_BYTES_MAX || address > MEMMAP_PHYSICAL_END - size_bytes)
        return NULL;
    return reader->map(reader->context, PADDR(address), size_bytes);
}

/* Fields of tables stand at any alignment. */
static uint64_t read_field(const uint8_t *at, unsigned size_bytes)
{
    uint64_t value = 0;
    memcpy(&value, at, size_bytes);
    return value;
}

/* FNV-1a over words of 64 bits, the last one filled up with zeros: to notice a change, not to resist one. */
static uint64_t checksum_of(const uint8_t *bytes, uint64_t size_bytes)
{
    uint64_t hash = 0xCBF29CE484222325ull;
    uint64_t word;
    for (; size_bytes >= sizeof(word); size_bytes -= sizeof(word), bytes += sizeof(word)) {
        __builtin_memcpy(&word, bytes, sizeof(word));
        hash = (hash ^ word) * 0x100000001B3ull;
    }
    word = read_field(bytes, (unsigned)size_bytes);
    return (hash ^ word) * 0x100000001B3ull;
}

/* Records [address, address + size_bytes); size 0 stands for "it begins here": up to the end of its page. */
static void add(struct collector *collector, uint64_t address, uint64_t size_bytes)
{
    struct table_list *list = collector->list;
    if (address == 0)
        return;
    list->seen_count++;
    /* A table may cross pages, but where its length is unknown nothing beyond the first can be promised. */
    uint64_t size = size_bytes != 0 ? size_bytes : PAGE_SIZE - (address & PAGE_MASK);
    const uint8_t *bytes = view(collector->reader, address, size);
    list->malformed_count += bytes == NULL;
    struct prange range = PRANGE(address, address + (bytes == NULL ? 1 : size));
    if (!memmap_any(collector->map, range, memory_kind_reclaimable))
        return;
    /* Reclaim would free some of it: into the hull in any case, into the list if there is room. */
    uint64_t hull_start = prange_empty(list->hull) ? range.start.value : list->hull.start.value;
    list->hull = PRANGE(min_u64(hull_start, range.start.value), max_u64(list->hull.end.value, range.end.value));
    if (list->count == TABLES_MAX) {
        list->dropped_count++;
        return;
    }
    list->tables[list->count++] = (struct table_extent){range, bytes == NULL ? 0 : checksum_of(bytes, size)};
}

/* ---- Configuration tables ---- */

static const struct shape {
    struct efi_guid guid;
    const char *anchor; /* what the table begins with */
    uint32_t header_bytes;
    uint32_t each_bytes; /* of what follows the header, as many times as its first word says; 0: nothing */
    bool attributes;     /* the memory-attributes table, which knows its own length */
    /* Where in an entry point the address and length of another table stand; all 0: it names none. */
    uint8_t address_at;
    uint8_t address_bytes;
    uint8_t length_at;
    uint8_t length_bytes;
} shapes[] = {
    {EFI_GUID_ACPI_20,           "",      36,   0,  false, 0,    0, 0,    0},
    {EFI_GUID_ACPI_10,           "",      20,   0,  false, 0,    0, 0,    0},
    {EFI_GUID_SMBIOS3,           "_SM3_", 0x18, 0,  false, 0x10, 8, 0x0C, 4},
    {EFI_GUID_SMBIOS,            "_SM_",  0x1F, 0,  false, 0x18, 4, 0x16, 2},
    {EFI_GUID_ESRT,              "",      16,   40, false, 0,    0, 0,    0}, /* FwResourceCount entries */
    {EFI_GUID_MEMORY_ATTRIBUTES, "",      16,   0,  true,  0,    0, 0,    0},
    {EFI_GUID_RT_PROPERTIES,     "",      8,    0,  false, 0,    0, 0,    0},
    {EFI_GUID_TPM_LOG,           "",      9,    1,  false, 0,    0, 0,    0}, /* a size, a log */
};

/* The table's length, or 0 when it makes no sense; adds what it points to. */
static uint64_t follow(struct collector *collector, const struct shape *shape, uint64_t address)
{
    /* The GUID says what it should be, the anchor whether it is. */
    const uint8_t *header = view(collector->reader, address, shape->header_bytes);
    if (header == NULL || memcmp(header, shape->anchor, strlen(shape->anchor)) != 0)
        return 0;
    /* Of no bytes it is 0, which is nothing to add. */
    add(collector, read_field(header + shape->address_at, shape->address_bytes),
        read_field(header + shape->length_at, shape->length_bytes));
    if (shape->attributes) {
        struct efi_memory_attributes_table table;
        memcpy(&table, header, sizeof(table));
        return runtime_map_attributes_bytes(&table);
    }
    return shape->header_bytes + shape->each_bytes * read_field(header, 4);
}

/* Tables of unknown shape are kept up to the end of the page that they begin in. */
static void collect_configuration(struct collector *collector, const struct handoff *handoff)
{
    for (uint32_t i = 0; i < handoff->table_count && i < HANDOFF_TABLE_MAX; i++) {
        const struct handoff_table *table = &handoff->tables[i];
        uint64_t size_bytes = 0;
        for (size_t s = 0; s < ARRAY_COUNT(shapes); s++)
            if (memcmp(&shapes[s].guid, table->guid, sizeof(table->guid)) == 0)
                size_bytes = follow(collector, &shapes[s], table->address);
        add(collector, table->address, size_bytes);
    }
}

/* The system table itself and the array that it points to. */
static void collect_system_table(struct collector *collector, const struct handoff *handoff)
{
    struct efi_system_table system;
    const uint8_t *bytes = view(collector->reader, handoff->system_table, sizeof(system));
    add(collector, handoff->system_table, sizeof(system));
    if (bytes == NULL)
        return;
    memcpy(&system, bytes, sizeof(system));
    uint64_t array = vaddr_of(system.configuration_tables).value; /* 1:1, so physical */
    /* Bounded before it is multiplied; add() refuses what is too long then. */
    uint64_t count = min_u64(system.configuration_table_count, TABLE_BYTES_MAX);
    if (system.header.signature == EFI_SYSTEM_TABLE_SIGNATURE)
        add(collector, array, count * sizeof(struct efi_configuration_table));
}

/* ---- ACPI ---- */

/* The TPM's event log that TCPA and TPM2 point to: length and address at fixed places, when the table is that long. */
static void collect_acpi_log(struct collector *collector, const struct acpi *acpi, const char *signature,
                             unsigned length_at)
{
    const struct acpi_table *table = acpi_find(acpi, signature);
    if (table != NULL && prange_bytes(table->extent) >= length_at + 12)
        add(collector, read_field(table->bytes + length_at + 4, 8), read_field(table->bytes + length_at, 4));
}

static void collect_acpi(struct collector *collector, const struct acpi *acpi)
{
    for (uint32_t i = 0; i < acpi->table_count; i++) {
        struct prange extent = acpi->tables[i].extent;
        add(collector, extent.start.value, prange_bytes(extent));
    }
    collect_acpi_log(collector, acpi, "TCPA", 38);
    collect_acpi_log(collector, acpi, "TPM2", 64);
    struct prange image;
    if (acpi_bgrt_parse(acpi, acpi_find(acpi, "BGRT"), &image) == STATUS_OK)
        add(collector, image.start.value, prange_bytes(image));
}

void tables_collect(struct table_list *list, const struct handoff *handoff, const struct acpi *acpi,
                    const struct acpi_reader *reader, const struct memmap *map)
{
    memset(list, 0, sizeof(*list));
    struct collector collector = {.list = list, .reader = reader, .map = map};
    collect_system_table(&collector, handoff);
    collect_configuration(&collector, handoff);
    if (acpi != NULL)
        collect_acpi(&collector, acpi);
}

bool tables_unchanged(const struct table_extent *table, const struct acpi_reader *reader)
{
    uint64_t size_bytes = prange_bytes(table->range);
    const uint8_t *bytes = view(reader, table->range.start.value, size_bytes);
    return table->checksum == 0 || (bytes != NULL && checksum_of(bytes, size_bytes) == table->checksum);
}
