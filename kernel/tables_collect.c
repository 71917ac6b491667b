/*
 * Where the firmware's tables are and how long: the configuration tables one GUID at a time, then ACPI's.
 *
 * Each shape that is known has a function that reads the table's own idea of its length. Table layouts: SMBIOS 3.6,
 * 5.2; UEFI 2.10, 4.6 and 23.4 (ESRT); TCG ACPI specification 1.4, 7.2 and 7.3 (TCPA and TPM2); Linux's
 * drivers/firmware/efi/libstub/tpm.c for the copy of the TPM log that boot loaders install.
 */
#include "kernel/tables.h"

#include "kernel/base/efi.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/runtime_map.h"

struct collector {
    struct table_list *list;
    const struct acpi_reader *reader;
    const struct memmap *map;
};

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

/* FNV-1a, 64 bits: to notice a change, not to resist one. */
static uint64_t checksum_of(const uint8_t *bytes, uint64_t size_bytes)
{
    uint64_t hash = 0xCBF29CE484222325ull;
    for (uint64_t i = 0; i < size_bytes; i++)
        hash = (hash ^ bytes[i]) * 0x100000001B3ull;
    return hash;
}

/* Whether reclaim would free some of it. */
static bool is_at_stake(const struct memmap *map, struct prange range)
{
    for (uint32_t i = memmap_find(map, range.start); i < map->count; i++) {
        if (!prange_overlaps(map->regions[i].range, range))
            return false;
        if (memory_kind_reclaimable(map->regions[i].kind))
            return true;
    }
    return false;
}

/* Records [address, address + size_bytes); size 0 stands for "it begins here": up to the end of its page. */
static void add(struct collector *collector, const char *name, uint64_t address, uint64_t size_bytes)
{
    struct table_list *list = collector->list;
    if (address == 0 || address >= MEMMAP_PHYSICAL_END) {
        list->malformed_count += address != 0;
        return;
    }
    list->seen_count++;
    uint64_t size = size_bytes != 0 ? size_bytes : PAGE_SIZE - (address & PAGE_MASK);
    const uint8_t *bytes = view(collector->reader, address, size);
    if (bytes == NULL)
        list->malformed_count++;
    struct prange range = PRANGE(address, address + (bytes == NULL ? 1 : size));
    if (!is_at_stake(collector->map, range))
        return;
    uint64_t hull_start = prange_empty(list->hull) ? range.start.value : list->hull.start.value;
    list->hull = PRANGE(min_u64(hull_start, range.start.value), max_u64(list->hull.end.value, range.end.value));
    if (list->count == TABLES_MAX) {
        list->dropped_count++;
        return;
    }
    struct table_extent *table = &list->tables[list->count++];
    format_buffer(table->name, sizeof(table->name), "%s", name);
    table->range = range;
    table->checksum = bytes == NULL ? 0 : checksum_of(bytes, size);
}

/* ---- Configuration tables. Each returns the table's length, or 0 when it makes no sense. ---- */

static uint64_t measure_smbios(struct collector *collector, uint64_t address)
{
    const uint8_t *entry = view(collector->reader, address, 0x1F);
    if (entry == NULL || memcmp(entry, "_SM_", 4) != 0)
        return 0;
    add(collector, "SMBIOS", read_field(entry + 0x18, 4), read_field(entry + 0x16, 2));
    return 0x1F;
}

static uint64_t measure_smbios3(struct collector *collector, uint64_t address)
{
    const uint8_t *entry = view(collector->reader, address, 0x18);
    if (entry == NULL || memcmp(entry, "_SM3_", 5) != 0)
        return 0;
    add(collector, "SMBIOS3", read_field(entry + 0x10, 8), read_field(entry + 0x0C, 4));
    return 0x18;
}

static uint64_t measure_rsdp(struct collector *collector, uint64_t address)
{
    const uint8_t *rsdp = view(collector->reader, address, 20);
    if (rsdp == NULL)
        return 0;
    return rsdp[15] < 2 ? 20 : 36; /* ACPI 6.5, 5.2.5.3: revision 0 ends before the length field */
}

static uint64_t measure_esrt(struct collector *collector, uint64_t address)
{
    const uint8_t *header = view(collector->reader, address, 16);
    return header == NULL ? 0 : 16 + 40 * read_field(header, 4);
}

static uint64_t measure_attributes(struct collector *collector, uint64_t address)
{
    struct efi_memory_attributes_table header;
    const uint8_t *bytes = view(collector->reader, address, sizeof(header));
    if (bytes == NULL)
        return 0;
    memcpy(&header, bytes, sizeof(header));
    return runtime_map_attributes_bytes(&header);
}

static uint64_t measure_properties(struct collector *collector, uint64_t address)
{
    const uint8_t *table = view(collector->reader, address, sizeof(struct efi_rt_properties_table));
    return table == NULL ? 0 : read_field(table + 2, 2);
}

/* struct linux_efi_tpm_eventlog: size, final events' size, version, then `size` bytes. */
static uint64_t measure_tpm_log(struct collector *collector, uint64_t address)
{
    const uint8_t *header = view(collector->reader, address, 9);
    return header == NULL ? 0 : 9 + read_field(header, 4);
}

static const struct {
    struct efi_guid guid;
    const char *name;
    uint64_t (*measure)(struct collector *collector, uint64_t address);
} shapes[] = {
    {EFI_GUID_ACPI_20,           "RSDP",   measure_rsdp      },
    {EFI_GUID_ACPI_10,           "RSDP",   measure_rsdp      },
    {EFI_GUID_SMBIOS3,           "SM3",    measure_smbios3   },
    {EFI_GUID_SMBIOS,            "SM",     measure_smbios    },
    {EFI_GUID_ESRT,              "ESRT",   measure_esrt      },
    {EFI_GUID_MEMORY_ATTRIBUTES, "MAT",    measure_attributes},
    {EFI_GUID_RT_PROPERTIES,     "RTPROP", measure_properties},
    {EFI_GUID_TPM_LOG,           "TPMLOG", measure_tpm_log   },
};

static void collect_configuration(struct collector *collector, const struct handoff *handoff)
{
    for (uint32_t i = 0; i < handoff->table_count && i < HANDOFF_TABLE_MAX; i++) {
        const struct handoff_table *table = &handoff->tables[i];
        char name[9];
        format_buffer(name, sizeof(name), "table %u", i);
        uint64_t size_bytes = 0;
        for (size_t s = 0; s < ARRAY_COUNT(shapes); s++) {
            if (memcmp(&shapes[s].guid, table->guid, sizeof(table->guid)) == 0) {
                format_buffer(name, sizeof(name), "%s", shapes[s].name);
                size_bytes = shapes[s].measure(collector, table->address);
            }
        }
        add(collector, name, table->address, size_bytes);
    }
}

/* The system table itself and the array that it points to. */
static void collect_system_table(struct collector *collector, const struct handoff *handoff)
{
    struct efi_system_table system;
    const uint8_t *bytes = view(collector->reader, handoff->system_table, sizeof(system));
    add(collector, "SYSTEM", handoff->system_table, sizeof(system));
    if (bytes == NULL)
        return;
    memcpy(&system, bytes, sizeof(system));
    uint64_t array = vaddr_of(system.configuration_tables).value; /* 1:1, so physical */
    uint64_t count = min_u64(system.configuration_table_count, TABLE_BYTES_MAX);
    if (system.header.signature == EFI_SYSTEM_TABLE_SIGNATURE)
        add(collector, "CONFIG", array, count * sizeof(struct efi_configuration_table));
}

/* ---- ACPI ---- */

/* The TPM's event log that TCPA and TPM2 point to: length and address at fixed places, when the table is that long. */
static void collect_acpi_log(struct collector *collector, const struct acpi *acpi, const char *signature,
                             unsigned length_at)
{
    const struct acpi_table *table = acpi_find(acpi, signature);
    if (table == NULL || prange_bytes(table->extent) < length_at + 12)
        return;
    add(collector, "TPMAREA", read_field(table->bytes + length_at + 4, 8), read_field(table->bytes + length_at, 4));
}

static void collect_acpi(struct collector *collector, const struct acpi *acpi)
{
    for (uint32_t i = 0; i < acpi->table_count; i++) {
        const struct acpi_table *table = &acpi->tables[i];
        char name[5] = {0};
        memcpy(name, table->signature, sizeof(table->signature));
        add(collector, name, table->extent.start.value, prange_bytes(table->extent));
    }
    collect_acpi_log(collector, acpi, "TCPA", 38);
    collect_acpi_log(collector, acpi, "TPM2", 64);
    const struct acpi_table *bgrt = acpi_find(acpi, "BGRT");
    struct prange image;
    if (bgrt != NULL && acpi_bgrt_parse(acpi, bgrt, &image) == STATUS_OK)
        add(collector, "BGRT-BMP", image.start.value, prange_bytes(image));
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

const struct table_extent *tables_compare(const struct table_list *list, const struct acpi_reader *reader)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct table_extent *table = &list->tables[i];
        uint64_t size_bytes = prange_bytes(table->range);
        const uint8_t *bytes = view(reader, table->range.start.value, size_bytes);
        if (bytes != NULL && checksum_of(bytes, size_bytes) != table->checksum && table->checksum != 0)
            return table;
    }
    return NULL;
}
