/*
 * Which of the firmware's tables must be kept: every shape that is known, what is malformed, and what is not at stake.
 *
 *     0x100000 Conventional | 0x200000 boot-services data (at stake) | 0x210000 runtime data (safe) | end 0x220000
 *
 * Physical memory is an array; addresses outside of it are unreadable, as a hole is to the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/base/efi.h"
#include "kernel/tables.h"

#define MEMORY_START 0x100000ull
#define MEMORY_END   0x220000ull
#define STAKE        0x200000ull
#define SAFE         0x210000ull

static uint8_t memory[MEMORY_END - MEMORY_START];
static struct memmap map;
static struct handoff handoff;
static struct table_list list;
static struct acpi acpi;
static uint64_t scratch[MEMMAP_SCRATCH_BYTES / 8 + 1];

static const void *map_memory(void *context, struct paddr address, uint64_t size_bytes)
{
    (void)context;
    if (address.value < MEMORY_START || address.value > MEMORY_END || size_bytes > MEMORY_END - address.value)
        return NULL;
    return memory + (address.value - MEMORY_START);
}

static const struct acpi_reader reader = {map_memory, NULL};

static uint8_t *at(uint64_t address)
{
    return memory + (address - MEMORY_START);
}

static void put(uint64_t address, const void *bytes, size_t size_bytes)
{
    memcpy(at(address), bytes, size_bytes);
}

static void put_number(uint64_t address, uint64_t value, size_t size_bytes)
{
    put(address, &value, size_bytes);
}

static void add_configuration(struct efi_guid guid, uint64_t address)
{
    struct handoff_table *table = &handoff.tables[handoff.table_count++];
    memcpy(table->guid, &guid, sizeof(guid));
    table->address = address;
}

static int start(void **state)
{
    (void)state;
    static const struct efi_memory_descriptor descriptors[] = {
        {.type = EFI_CONVENTIONAL_MEMORY,   .physical_start = MEMORY_START, .number_of_pages = 0x100, .attribute = 8},
        {.type = EFI_BOOT_SERVICES_DATA,    .physical_start = STAKE,        .number_of_pages = 16,    .attribute = 8},
        {.type = EFI_RUNTIME_SERVICES_DATA, .physical_start = SAFE,         .number_of_pages = 16,    .attribute = 8},
    };
    struct memmap_source source = {descriptors, sizeof(descriptors), sizeof(descriptors[0]), 1};
    memset(memory, 0, sizeof(memory));
    memset(&handoff, 0, sizeof(handoff));
    memset(&acpi, 0, sizeof(acpi));
    acpi.reader = reader;
    return (int)memmap_build(&map, &source, NULL, 0, MEMMAP_PHYSICAL_END, scratch);
}

static void collect(void)
{
    tables_collect(&list, &handoff, &acpi, &reader, &map);
}

static void assert_kept(uint32_t index, uint64_t address, uint64_t size_bytes)
{
    assert_true(index < list.count);
    assert_int_equal(list.tables[index].range.start.value, address);
    assert_int_equal(prange_bytes(list.tables[index].range), size_bytes);
}

static const struct table_extent *first_changed(void)
{
    for (uint32_t i = 0; i < list.count; i++)
        if (!tables_unchanged(&list.tables[i], &reader))
            return &list.tables[i];
    return NULL;
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    collect();
    assert_int_equal(list.count, 0);
    assert_int_equal(list.seen_count, 0);
    assert_int_equal(list.malformed_count, 0);
    assert_null(first_changed());
    tables_collect(&list, &handoff, NULL, &reader, &map);
    assert_int_equal(list.count, 0);
}

static void each_shape_knows_its_length(void **state)
{
    (void)state;
    put(STAKE, "_SM_", 4);
    put_number(STAKE + 0x16, 500, 2);
    put_number(STAKE + 0x18, STAKE + 0x1000, 4);
    add_configuration((struct efi_guid)EFI_GUID_SMBIOS, STAKE);
    put(STAKE + 0x100, "_SM3_", 5);
    put_number(STAKE + 0x10C, 600, 4);
    put_number(STAKE + 0x110, STAKE + 0x2000, 8);
    add_configuration((struct efi_guid)EFI_GUID_SMBIOS3, STAKE + 0x100);
    put_number(STAKE + 0x3000, 2, 4);
    add_configuration((struct efi_guid)EFI_GUID_ESRT, STAKE + 0x3000);
    const struct efi_memory_attributes_table attributes = {1, 22, 48, 0};
    put(STAKE + 0x4000, &attributes, sizeof(attributes));
    add_configuration((struct efi_guid)EFI_GUID_MEMORY_ATTRIBUTES, STAKE + 0x4000);
    put_number(STAKE + 0x5000, 1000, 4);
    add_configuration((struct efi_guid)EFI_GUID_TPM_LOG, STAKE + 0x5000);
    put_number(STAKE + 0x6002, 8, 2);
    add_configuration((struct efi_guid)EFI_GUID_RT_PROPERTIES, STAKE + 0x6000);
    put_number(STAKE + 0x700F, 2, 1);
    add_configuration((struct efi_guid)EFI_GUID_ACPI_20, STAKE + 0x7000);
    collect();
    assert_int_equal(list.count, 9);
    assert_int_equal(list.malformed_count, 0);
    assert_kept(0, STAKE + 0x1000, 500);
    assert_kept(1, STAKE, 0x1F);
    assert_kept(2, STAKE + 0x2000, 600);
    assert_kept(3, STAKE + 0x100, 0x18);
    assert_kept(4, STAKE + 0x3000, 16 + 2 * 40);
    assert_kept(5, STAKE + 0x4000, 16 + 22 * 48);
    assert_kept(6, STAKE + 0x5000, 1009);
    assert_kept(7, STAKE + 0x6000, 8);
    assert_kept(8, STAKE + 0x7000, 36);
    assert_int_equal(list.hull.start.value, STAKE);
    assert_int_equal(list.hull.end.value, STAKE + 0x7000 + 36);
}

static void an_unknown_table_keeps_the_rest_of_its_page(void **state)
{
    (void)state;
    add_configuration((struct efi_guid){1, 2, 3, {4}}, STAKE + 0x1234);
    collect();
    assert_int_equal(list.count, 1);
    assert_kept(0, STAKE + 0x1234, 0x1000 - 0x234);
}

static void what_lies_elsewhere_is_not_at_stake(void **state)
{
    (void)state;
    add_configuration((struct efi_guid){1, 2, 3, {4}}, SAFE);
    add_configuration((struct efi_guid){1, 2, 3, {4}}, MEMORY_START);
    collect();
    assert_int_equal(list.seen_count, 2);
    assert_int_equal(list.count, 0);
    put_number(SAFE - 8, 1, 4); /* an ESRT that begins at stake and ends safe */
    add_configuration((struct efi_guid)EFI_GUID_ESRT, SAFE - 8);
    collect();
    assert_kept(0, SAFE - 8, 56);
}

static void senseless_lengths_keep_the_first_page(void **state)
{
    (void)state;
    put_number(STAKE, UINT32_MAX, 4);
    add_configuration((struct efi_guid)EFI_GUID_ESRT, STAKE);
    const struct efi_memory_attributes_table attributes = {1, UINT32_MAX, 48, 0};
    put(STAKE + 0x4000, &attributes, sizeof(attributes));
    add_configuration((struct efi_guid)EFI_GUID_MEMORY_ATTRIBUTES, STAKE + 0x4000);
    add_configuration((struct efi_guid)EFI_GUID_SMBIOS, STAKE + 0x5000); /* no anchor */
    add_configuration((struct efi_guid)EFI_GUID_SMBIOS, MEMORY_END - 2); /* cut off */
    add_configuration((struct efi_guid)EFI_GUID_ESRT, 0x800000000ull);   /* unreadable */
    add_configuration((struct efi_guid)EFI_GUID_ESRT, UINT64_MAX);       /* no address */
    add_configuration((struct efi_guid)EFI_GUID_ESRT, 0);                /* none */
    collect();
    assert_int_equal(list.count, 3);
    assert_kept(0, STAKE, 1);
    assert_kept(1, STAKE + 0x4000, 0x1000);
    assert_kept(2, STAKE + 0x5000, 0x1000);
    assert_int_equal(list.malformed_count, 3);
}

static void the_system_table_and_its_array_are_followed(void **state)
{
    (void)state;
    struct efi_system_table system = {.header.signature = EFI_SYSTEM_TABLE_SIGNATURE, .configuration_table_count = 10};
    system.configuration_tables = (void *)(uintptr_t)(STAKE + 0x1000);
    put(STAKE, &system, sizeof(system));
    handoff.system_table = STAKE;
    collect();
    assert_int_equal(list.count, 2);
    assert_kept(0, STAKE, sizeof(system));
    assert_kept(1, STAKE + 0x1000, 240);
    system.configuration_table_count = UINT64_MAX;
    put(STAKE, &system, sizeof(system));
    collect();
    assert_kept(1, STAKE + 0x1000, 1);
    assert_int_equal(list.malformed_count, 1);
}

static void acpi_tables_and_the_tpm_area_are_kept(void **state)
{
    (void)state;
    acpi.table_count = 2;
    acpi.tables[0] = (struct acpi_table){
        .signature = {'T', 'P', 'M', '2'},
          .valid = true, .extent = PRANGE(STAKE, STAKE + 76), .bytes = at(STAKE)
    };
    put_number(STAKE + 64, 0x800, 4);
    put_number(STAKE + 68, STAKE + 0x3000, 8);
    acpi.tables[1] = (struct acpi_table){
        .signature = {'B', 'A', 'D', '!'},
          .extent = PRANGE(STAKE + 0x100, STAKE + 0x124)
    };
    collect();
    assert_int_equal(list.count, 3);
    assert_kept(0, STAKE, 76);
    assert_kept(1, STAKE + 0x100, 36);
    assert_kept(2, STAKE + 0x3000, 0x800);
    acpi.tables[0].extent = PRANGE(STAKE, STAKE + 75); /* too short to have one */
    collect();
    assert_int_equal(list.count, 2);
}

/* ACPI 6.5, 5.2.23: the BGRT says where a BMP lies, and only that one how long it is. */
static void the_picture_of_a_bgrt_is_kept(void **state)
{
    (void)state;
    acpi.table_count = 1;
    acpi.tables[0] = (struct acpi_table){
        .signature = {'B', 'G', 'R', 'T'},
          .valid = true, .extent = PRANGE(STAKE, STAKE + 56), .bytes = at(STAKE)
    };
    put_number(STAKE + 40, STAKE + 0x1000, 8);
    put(STAKE + 0x1000, "BM", 2);
    put_number(STAKE + 0x1002, 0x3036, 4);
    collect();
    assert_int_equal(list.count, 2);
    assert_kept(0, STAKE, 56);
    assert_kept(1, STAKE + 0x1000, 0x3036);
    put_number(STAKE + 0x1002, 3, 4); /* shorter than its own header */
    collect();
    assert_int_equal(list.count, 1);
}

static void one_byte_that_changes_is_found(void **state)
{
    (void)state;
    add_configuration((struct efi_guid){1, 2, 3, {4}}, STAKE);
    add_configuration((struct efi_guid){1, 2, 3, {5}}, STAKE + 0x1000);
    collect();
    assert_null(first_changed());
    *at(STAKE + 0x1FFF) ^= 1;
    assert_ptr_equal(first_changed(), &list.tables[1]);
    *at(STAKE + 0x1FFF) ^= 1;
    assert_null(first_changed());
}

static void more_than_there_is_room_for_widen_the_hull(void **state)
{
    (void)state;
    acpi.table_count = ACPI_TABLES_MAX;
    for (uint32_t i = 0; i < ACPI_TABLES_MAX; i++)
        acpi.tables[i] = (struct acpi_table){
            .signature = {'S', 'S', 'D', 'T'},
              .extent = PRANGE(STAKE + 0x1000 + 64 * i, STAKE + 0x1000 + 64 * i + 36)
        };
    add_configuration((struct efi_guid){1, 2, 3, {4}}, STAKE);
    collect();
    assert_int_equal(list.count, TABLES_MAX);
    assert_int_equal(list.dropped_count, 1);
    assert_int_equal(list.hull.start.value, STAKE);
    assert_int_equal(list.hull.end.value, STAKE + 0x1000 + 64 * (ACPI_TABLES_MAX - 1) + 36);
}

/* Random bytes under every known GUID, at random places: the sanitizers have nothing to say. */
static void garbage_is_harmless(void **state)
{
    (void)state;
    static const struct efi_guid guids[] = {
        EFI_GUID_ACPI_20, EFI_GUID_ACPI_10,       EFI_GUID_SMBIOS3,           EFI_GUID_SMBIOS,
        EFI_GUID_ESRT,    EFI_GUID_RT_PROPERTIES, EFI_GUID_MEMORY_ATTRIBUTES, EFI_GUID_TPM_LOG};
    srand(5);
    for (int round = 0; round < 2000; round++) {
        for (uint64_t i = 0; i < 64; i++)
            put_number(STAKE + i * 8, (uint64_t)rand() << (rand() % 33), 8);
        put(STAKE + 0x20, "_SM_", 4);
        put(STAKE + 0x40, "_SM3_", 5);
        handoff.table_count = 0;
        for (size_t i = 0; i < ARRAY_COUNT(guids); i++)
            add_configuration(guids[i], STAKE + (uint64_t)rand() % 16 * 0x20);
        handoff.system_table = STAKE + (uint64_t)rand() % 64;
        collect();
        assert_true(list.count <= TABLES_MAX);
        assert_null(first_changed());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_nothing, start),
        cmocka_unit_test_setup(each_shape_knows_its_length, start),
        cmocka_unit_test_setup(an_unknown_table_keeps_the_rest_of_its_page, start),
        cmocka_unit_test_setup(what_lies_elsewhere_is_not_at_stake, start),
        cmocka_unit_test_setup(senseless_lengths_keep_the_first_page, start),
        cmocka_unit_test_setup(the_system_table_and_its_array_are_followed, start),
        cmocka_unit_test_setup(acpi_tables_and_the_tpm_area_are_kept, start),
        cmocka_unit_test_setup(the_picture_of_a_bgrt_is_kept, start),
        cmocka_unit_test_setup(one_byte_that_changes_is_found, start),
        cmocka_unit_test_setup(more_than_there_is_room_for_widen_the_hull, start),
        cmocka_unit_test_setup(garbage_is_harmless, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
