/*
 * The search for the firmware's tables (kernel/tables_collect.c): configuration tables of every known kind, whose own
 * idea of their length is any bytes, in memory that is boot services'. Holds: no read beyond what was mapped; what is
 * listed touches memory that reclaim would free and lies in the hull; nothing has changed while nothing has, and a byte
 * that changes in a listed table is seen.
 *
 * Input: tables (1 byte), for each its kind (1) and place (2), then the memory.
 */
#include "kernel/tables.h"

#include "kernel/base/efi.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory.h"

static const struct efi_guid kinds[] = {
    EFI_GUID_ACPI_20,           EFI_GUID_ACPI_10,       EFI_GUID_SMBIOS3, EFI_GUID_SMBIOS,          EFI_GUID_ESRT,
    EFI_GUID_MEMORY_ATTRIBUTES, EFI_GUID_RT_PROPERTIES, EFI_GUID_TPM_LOG, EFI_GUID_GLOBAL_VARIABLE,
};

static const struct efi_memory_descriptor rows[] = {
    {.type = EFI_BOOT_SERVICES_DATA,  .physical_start = MEMORY_BASE,          .number_of_pages = 2, .attribute = 0xF},
    {.type = EFI_ACPI_RECLAIM_MEMORY, .physical_start = MEMORY_BASE + 0x2000, .number_of_pages = 1, .attribute = 0xF},
    {.type = EFI_LOADER_DATA,         .physical_start = MEMORY_BASE + 0x4000, .number_of_pages = 4, .attribute = 0xF},
};

static struct memory memory;
static struct handoff handoff;
static struct table_list list;

static void take_tables(struct input *input)
{
    memset(&handoff, 0, sizeof(handoff));
    handoff.table_count = (uint32_t)input_number(input, 1);
    for (uint32_t i = 0; i < handoff.table_count && i < HANDOFF_TABLE_MAX; i++) {
        const struct efi_guid *guid = &kinds[input_number(input, 1) % ARRAY_COUNT(kinds)];
        memcpy(handoff.tables[i].guid, guid, sizeof(*guid));
        handoff.tables[i].address = MEMORY_BASE + input_number(input, 2);
    }
    handoff.system_table = MEMORY_BASE + 0x10;
    memcpy(memory.bytes, input->next, min_u64(input->left_bytes, MEMORY_BYTES));
}

static void check_list(const struct memmap *map, const struct acpi_reader *reader)
{
    CHECK(list.count <= TABLES_MAX);
    for (uint32_t i = 0; i < list.count; i++) {
        const struct table_extent *table = &list.tables[i];
        bool at_stake = false;
        CHECK(!prange_empty(table->range));
        CHECK(list.hull.start.value <= table->range.start.value && table->range.end.value <= list.hull.end.value);
        for (uint32_t j = 0; j < map->count; j++)
            at_stake |=
                memory_kind_reclaimable(map->regions[j].kind) && prange_overlaps(map->regions[j].range, table->range);
        CHECK(at_stake);
        CHECK(tables_unchanged(table, reader));
    }
}

/* FNV-1a never gives two texts of the same length that differ in one byte the same number. */
static void check_change(const struct acpi_reader *reader)
{
    for (uint32_t i = 0; i < list.count && i < 8; i++) {
        const struct table_extent *table = &list.tables[i];
        uint64_t end = table->range.end.value;
        if (table->checksum == 0 || end > MEMORY_BASE + MEMORY_BYTES)
            continue;
        *memory_at(&memory, end - 1) ^= 0x40;
        CHECK(!tables_unchanged(table, reader));
        *memory_at(&memory, end - 1) ^= 0x40;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static void *scratch;
    if (scratch == NULL)
        scratch = malloc(MEMMAP_SCRATCH_BYTES);
    struct input input = {bytes, size_bytes};
    struct memmap map;
    struct memmap_source source = {rows, sizeof(rows), sizeof(rows[0]), EFI_MEMORY_DESCRIPTOR_VERSION};
    struct acpi_reader reader = {.map = memory_map, .context = &memory};
    CHECK(memmap_build(&map, &source, NULL, 0, 64 * TIB, scratch) == STATUS_OK);
    memory_begin(&memory);
    take_tables(&input);
    tables_collect(&list, &handoff, NULL, &reader, &map);
    if (memory.mapping_count < MEMORY_MAPPINGS_MAX / 2) {
        check_list(&map, &reader);
        check_change(&reader);
    }
    memory_end(&memory);
    return 0;
}
