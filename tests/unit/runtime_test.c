/*
 * Runtime services' pure parts: what the firmware's address space holds, which entries of the memory-attributes table
 * are believed, and the values that cross the border.
 *
 *     0          0x200000     0x300000     0x310000     0x320000     0x330000      0x400000
 *     | BS page 0 | Conventional | RT code    | RT data     | Reserved,RT | Boot serv. |  ...  | 0xFFC00000 MMIO,RT |
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/runtime_map.h"
#include "kernel/runtime_value.h"
#include "tests/unit/arena.h"
#include "tests/unit/port_fake.h"

#define WB EFI_MEMORY_WB
#define RT EFI_MEMORY_RUNTIME
#define RO EFI_MEMORY_RO
#define XP EFI_MEMORY_XP

#define CODE     0x300000ull
#define DATA     0x310000ull
#define RESERVED 0x320000ull
#define BOOT     0x330000ull
#define FLASH    0xFFC00000ull

#define DESCRIPTOR(kind, start, pages, bits)                                               \
    {                                                                                      \
        .type = kind, .physical_start = start, .number_of_pages = pages, .attribute = bits \
    }

static const struct efi_memory_descriptor usual[] = {
    DESCRIPTOR(EFI_BOOT_SERVICES_CODE, 0, 1, WB),
    DESCRIPTOR(EFI_CONVENTIONAL_MEMORY, 0x200000, 0x100, WB),
    DESCRIPTOR(EFI_RUNTIME_SERVICES_CODE, CODE, 16, WB | RT),
    DESCRIPTOR(EFI_RUNTIME_SERVICES_DATA, DATA, 16, WB | RT),
    DESCRIPTOR(EFI_RESERVED_MEMORY, RESERVED, 16, EFI_MEMORY_UC | RT),
    DESCRIPTOR(EFI_BOOT_SERVICES_DATA, BOOT, 16, WB),
    DESCRIPTOR(EFI_MMIO, FLASH, 0x400, EFI_MEMORY_UC | RT),
};

static struct arena arena;
static struct memmap map;
static struct page_map space;
static uint32_t ignored_count; /* of the memory-attributes table */
static uint64_t scratch[MEMMAP_SCRATCH_BYTES / 8 + 1];

static int start(void **state)
{
    (void)state;
    const struct prange ram[] = {PRANGE(0x1000000, 0x2000000)};
    arena_create(&arena, ram, 1, true);
    arena.tables_max = 1000;
    port_fake_reset(NULL);
    assert_int_equal(paging_init(&space, arena.window, 4, true, arena_table_source(&arena)), STATUS_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static enum status build(const struct efi_memory_descriptor *descriptors, uint32_t count)
{
    struct memmap_source source = {descriptors, count * sizeof(*descriptors), sizeof(*descriptors), 1};
    assert_int_equal(memmap_build(&map, &source, NULL, 0, MEMMAP_PHYSICAL_END, scratch), STATUS_OK);
    return runtime_map_build(&space, &map, descriptors, count);
}

#define ABSENT UINT32_MAX

static uint32_t flags_at(uint64_t address)
{
    struct paging_entry entry;
    if (!paging_lookup(&space, VADDR(address), &entry))
        return ABSENT;
    assert_int_equal(entry.page.value, align_down(address, entry.size_bytes));
    return entry.flags & (PAGING_WRITE | PAGING_EXECUTE | PAGING_UNCACHED | PAGING_FIRMWARE_RWX);
}

static bool is_rwx(uint64_t address)
{
    uint32_t flags = flags_at(address);
    return flags == PAGING_FIRMWARE_RWX || flags == (PAGING_WRITE | PAGING_EXECUTE) ||
           flags == (PAGING_WRITE | PAGING_EXECUTE | PAGING_FIRMWARE_RWX);
}

static void each_kind_has_its_flags(void **state)
{
    (void)state;
    assert_int_equal(build(usual, ARRAY_COUNT(usual)), STATUS_OK);
    assert_int_equal(flags_at(0), PAGING_WRITE);
    assert_int_equal(flags_at(0x1000), ABSENT);
    assert_int_equal(flags_at(0x200000), ABSENT);
    assert_true(is_rwx(CODE) && is_rwx(DATA - 1));
    assert_int_equal(flags_at(DATA), PAGING_WRITE);
    assert_int_equal(flags_at(RESERVED), PAGING_WRITE | PAGING_UNCACHED);
    assert_int_equal(flags_at(BOOT), ABSENT);
    assert_int_equal(flags_at(FLASH), PAGING_WRITE | PAGING_UNCACHED);
    assert_int_equal(flags_at(FLASH + 0x3FFFFF), PAGING_WRITE | PAGING_UNCACHED);
}

/* Firmware-quirk 28: runtime types that lack the attribute are mapped all the same. */
static void a_missing_attribute_does_not_matter(void **state)
{
    (void)state;
    const struct efi_memory_descriptor descriptors[] = {
        DESCRIPTOR(EFI_CONVENTIONAL_MEMORY, 0x200000, 0x100, WB),
        DESCRIPTOR(EFI_RUNTIME_SERVICES_CODE, CODE, 16, WB),
    };
    assert_int_equal(build(descriptors, 2), STATUS_OK);
    assert_true(is_rwx(CODE));
}

/* Firmware-quirk 29: what the type does not tell may be code. */
static void types_that_say_nothing_may_hold_code(void **state)
{
    (void)state;
    const struct efi_memory_descriptor descriptors[] = {
        DESCRIPTOR(EFI_RESERVED_MEMORY, CODE, 16, WB | RT),
        DESCRIPTOR(EFI_CONVENTIONAL_MEMORY, CODE + 0x10000, 16, WB | RT),
        DESCRIPTOR(EFI_BOOT_SERVICES_DATA, CODE + 0x20000, 16, WB | RT),
        DESCRIPTOR(EFI_RESERVED_MEMORY, CODE + 0x30000, 16, RT),
    };
    assert_int_equal(build(descriptors, ARRAY_COUNT(descriptors)), STATUS_OK);
    assert_true(is_rwx(CODE) && is_rwx(CODE + 0x10000));
    assert_int_equal(flags_at(CODE + 0x20000), PAGING_WRITE);
    assert_int_equal(flags_at(CODE + 0x30000), PAGING_WRITE | PAGING_UNCACHED);
}

static void what_is_beyond_the_half_is_left_out(void **state)
{
    (void)state;
    const struct efi_memory_descriptor descriptors[] = {
        DESCRIPTOR(EFI_RUNTIME_SERVICES_DATA, DATA, 1, WB | RT),
        DESCRIPTOR(EFI_MMIO, 1ull << 47, 1, EFI_MEMORY_UC | RT),
        DESCRIPTOR(EFI_RESERVED_MEMORY, 0xFFFFFFFFFF000ull, 2, RT),
        DESCRIPTOR(EFI_MMIO, UINT64_MAX - 0xFFF, UINT64_MAX, RT),
    };
    assert_int_equal(build(descriptors, ARRAY_COUNT(descriptors)), STATUS_OK);
    assert_int_equal(flags_at(DATA), PAGING_WRITE);
    assert_int_equal(flags_at(1ull << 47), ABSENT);
    assert_int_equal(flags_at(0xFFFFFFFFFF000ull), ABSENT);
    assert_int_equal(flags_at(UINT64_MAX - 0xFFF), ABSENT);
}

static void no_memory_for_tables_is_said(void **state)
{
    (void)state;
    arena.tables_max = arena.tables + 2;
    assert_int_equal(build(usual, ARRAY_COUNT(usual)), STATUS_NO_MEMORY);
}

/* ---- The memory-attributes table ---- */

struct attributes {
    struct efi_memory_attributes_table header;
    struct efi_memory_descriptor entries[16];
};

static struct attributes attributes = {
    .header = {.version = 1, .descriptor_size = 40}
};

static void apply(const struct efi_memory_descriptor *entries, uint32_t count)
{
    attributes.header.entry_count = count;
    memcpy(attributes.entries, entries, count * sizeof(*entries));
    assert_int_equal(build(usual, ARRAY_COUNT(usual)), STATUS_OK);
    ignored_count = runtime_map_attributes(&space, &map, &attributes.header);
}

static struct efi_memory_descriptor entry(uint32_t type, uint64_t address, uint64_t pages, uint64_t attribute)
{
    return (struct efi_memory_descriptor){
        .type = type, .physical_start = address, .number_of_pages = pages, .attribute = attribute | RT};
}

static void good_entries_narrow_the_flags(void **state)
{
    (void)state;
    const struct efi_memory_descriptor entries[] = {
        entry(EFI_RUNTIME_SERVICES_CODE, CODE, 1, XP | RO),
        entry(EFI_RUNTIME_SERVICES_CODE, CODE + 0x1000, 7, RO),
        entry(EFI_RUNTIME_SERVICES_CODE, CODE + 0x8000, 4, XP),
        entry(EFI_RUNTIME_SERVICES_DATA, DATA, 16, XP),
    };
    apply(entries, ARRAY_COUNT(entries));
    assert_int_equal(ignored_count, 0);
    assert_int_equal(flags_at(CODE), 0);
    assert_int_equal(flags_at(CODE + 0x1000), PAGING_EXECUTE);
    assert_int_equal(flags_at(CODE + 0x7FFF), PAGING_EXECUTE);
    assert_int_equal(flags_at(CODE + 0x8000), PAGING_WRITE);
    assert_true(is_rwx(CODE + 0xC000)); /* nothing was said of it */
    assert_int_equal(flags_at(DATA), PAGING_WRITE);
}

/* One region, because kind and attribute are alike, of which only a part is write-back. */
static void an_entry_leaves_caching_as_it_is(void **state)
{
    (void)state;
    const struct efi_memory_descriptor descriptors[] = {
        DESCRIPTOR(EFI_CONVENTIONAL_MEMORY, 0x200000, 0x100, WB),
        DESCRIPTOR(EFI_RUNTIME_SERVICES_DATA, DATA, 8, WB | RT),
        DESCRIPTOR(EFI_RUNTIME_SERVICES_DATA, DATA + 0x8000, 8, EFI_MEMORY_UC | RT),
    };
    assert_int_equal(build(descriptors, ARRAY_COUNT(descriptors)), STATUS_OK);
    attributes.header.entry_count = 1;
    attributes.entries[0] = entry(EFI_RUNTIME_SERVICES_DATA, DATA, 16, XP);
    assert_int_equal(runtime_map_attributes(&space, &map, &attributes.header), 0);
    assert_int_equal(flags_at(DATA), PAGING_WRITE);
    assert_int_equal(flags_at(DATA + 0x8000), PAGING_WRITE | PAGING_UNCACHED);
}

/* memmap_build gives the firmware every page that it touches; all of them are code. */
static void unaligned_code_is_code_to_its_end(void **state)
{
    (void)state;
    const struct efi_memory_descriptor descriptors[] = {
        DESCRIPTOR(EFI_CONVENTIONAL_MEMORY, 0x200000, 0x100, WB),
        DESCRIPTOR(EFI_RUNTIME_SERVICES_CODE, CODE + 0x800, 2, WB | RT),
    };
    assert_int_equal(build(descriptors, ARRAY_COUNT(descriptors)), STATUS_OK);
    assert_true(is_rwx(CODE));
    assert_true(is_rwx(CODE + 0x2000));
    assert_int_equal(flags_at(CODE + 0x3000), ABSENT);
}

static void a_bad_entry_changes_nothing(void **state)
{
    (void)state;
    const struct efi_memory_descriptor bad[] = {
        entry(EFI_RUNTIME_SERVICES_CODE, CODE, 1, 0),           /* writable and executable */
        entry(EFI_CONVENTIONAL_MEMORY, CODE, 1, RO),            /* not a runtime type */
        entry(EFI_RUNTIME_SERVICES_CODE, CODE + 8, 1, RO),      /* not aligned */
        entry(EFI_RUNTIME_SERVICES_CODE, CODE, 0, RO),          /* nothing */
        entry(EFI_RUNTIME_SERVICES_CODE, CODE, UINT64_MAX, RO), /* wraps */
        entry(EFI_RUNTIME_SERVICES_CODE, CODE, 1ull << 52, RO), /* wraps in bytes */
        entry(EFI_RUNTIME_SERVICES_CODE, CODE - 0x1000, 2, RO), /* begins outside */
        entry(EFI_RUNTIME_SERVICES_DATA, DATA + 0xF000, 2, RO), /* ends outside */
        entry(EFI_RUNTIME_SERVICES_DATA, BOOT, 1, XP),          /* not runtime memory */
        entry(EFI_RUNTIME_SERVICES_DATA, RESERVED, 1, XP),      /* RUNTIME, but not memory of services */
        entry(EFI_RUNTIME_SERVICES_DATA, 0x5000000, 1, XP),     /* a hole */
        entry(EFI_RUNTIME_SERVICES_DATA, UINT64_MAX & ~PAGE_MASK, 1, XP),
    };
    apply(bad, ARRAY_COUNT(bad));
    assert_int_equal(ignored_count, ARRAY_COUNT(bad));
    assert_true(is_rwx(CODE));
    assert_int_equal(flags_at(DATA + 0xF000), PAGING_WRITE);
    assert_int_equal(flags_at(RESERVED), PAGING_WRITE | PAGING_UNCACHED);
    assert_int_equal(flags_at(BOOT), ABSENT);
}

static void of_two_that_overlap_the_first_counts(void **state)
{
    (void)state;
    const struct efi_memory_descriptor entries[] = {
        entry(EFI_RUNTIME_SERVICES_CODE, CODE, 1, 0), /* unsound, so it is in nobody's way */
        entry(EFI_RUNTIME_SERVICES_CODE, CODE, 8, RO),
        entry(EFI_RUNTIME_SERVICES_CODE, CODE + 0x7000, 2, XP),
        entry(EFI_RUNTIME_SERVICES_CODE, CODE + 0x9000, 2, XP),
    };
    apply(entries, ARRAY_COUNT(entries));
    assert_int_equal(ignored_count, 2);
    assert_int_equal(flags_at(CODE + 0x7000), PAGING_EXECUTE);
}

static void a_senseless_header_has_no_length(void **state)
{
    (void)state;
    static const struct {
        struct efi_memory_attributes_table header;
        uint64_t size_bytes;
    } rows[] = {
        {{1, 22, 48, 0},                             16 + 22 * 48                           },
        {{2, 0, 40, 1},                              16                                     },
        {{1, RUNTIME_MAP_ATTRIBUTES_MAX, 40, 0},     16 + 40ull * RUNTIME_MAP_ATTRIBUTES_MAX},
        {{1, RUNTIME_MAP_ATTRIBUTES_MAX + 1, 40, 0}, 0                                      },
        {{1, UINT32_MAX, 48, 0},                     0                                      },
        {{0, 22, 48, 0},                             0                                      },
        {{3, 22, 48, 0},                             0                                      },
        {{1, 22, 39, 0},                             0                                      },
        {{1, 22, 0, 0},                              0                                      },
        {{1, 22, 44, 0},                             0                                      },
        {{1, 22, UINT32_MAX, 0},                     0                                      },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_int_equal(runtime_map_attributes_bytes(&rows[i].header), rows[i].size_bytes);
}

/* Entries of random bits, near and far: nothing of what is not runtime memory ever becomes mapped. */
static void garbage_entries_map_nothing(void **state)
{
    (void)state;
    assert_int_equal(build(usual, ARRAY_COUNT(usual)), STATUS_OK);
    srand(3);
    for (int round = 0; round < 2000; round++) {
        attributes.header.entry_count = ARRAY_COUNT(attributes.entries);
        for (size_t i = 0; i < ARRAY_COUNT(attributes.entries); i++)
            attributes.entries[i] =
                entry((uint32_t)rand() % 8, ((uint64_t)rand() % 0x500 + 0x200) << 12 >> rand() % 3,
                      (uint64_t)rand() >> rand() % 31, (uint64_t)(rand() % 4) << 14 | (uint64_t)(rand() % 4) << 16);
        assert_true(runtime_map_attributes(&space, &map, &attributes.header) <= ARRAY_COUNT(attributes.entries));
    }
    assert_int_equal(flags_at(0x200000), ABSENT);
    assert_int_equal(flags_at(BOOT), ABSENT);
    assert_int_equal(flags_at(RESERVED), PAGING_WRITE | PAGING_UNCACHED);
}

static void holds_asks_for_one_region(void **state)
{
    (void)state;
    assert_int_equal(build(usual, ARRAY_COUNT(usual)), STATUS_OK);
    assert_true(runtime_map_holds(&map, CODE, 1));
    assert_true(runtime_map_holds(&map, DATA, 0x10000));
    assert_true(runtime_map_holds(&map, FLASH, 8));
    assert_false(runtime_map_holds(&map, DATA + 0xFFFF, 0x10002));
    assert_false(runtime_map_holds(&map, BOOT, 1));
    assert_false(runtime_map_holds(&map, 0x5000000, 1));
    assert_false(runtime_map_holds(&map, CODE, 0));
    assert_false(runtime_map_holds(&map, UINT64_MAX, 1));
    assert_false(runtime_map_holds(&map, CODE, UINT64_MAX));
}

/* ---- Values ---- */

static void times_are_checked(void **state)
{
    (void)state;
    const struct efi_time good = {.year = 2024,
                                  .month = 2,
                                  .day = 29,
                                  .hour = 23,
                                  .minute = 59,
                                  .second = 59,
                                  .nanosecond = 999999999,
                                  .timezone = -1440};
    assert_true(runtime_value_time_valid(&good));
    struct efi_time time = good;
    time.timezone = EFI_UNSPECIFIED_TIMEZONE;
    assert_true(runtime_value_time_valid(&time));
#define BAD(field, value)                              \
    do {                                               \
        time = good;                                   \
        time.field = value;                            \
        assert_false(runtime_value_time_valid(&time)); \
    } while (0)
    BAD(year, 2023); /* no 29th of February */
    BAD(year, 1899);
    BAD(year, 2100); /* no leap year */
    BAD(year, 10000);
    BAD(month, 0);
    BAD(month, 13);
    BAD(month, 0xFF);
    BAD(day, 0);
    BAD(day, 30);
    BAD(hour, 24);
    BAD(minute, 60);
    BAD(second, 60);
    BAD(nanosecond, 1000000000);
    BAD(timezone, 1441);
    BAD(timezone, -1441);
#undef BAD
}

static void names_go_both_ways(void **state)
{
    (void)state;
    uint16_t name[8];
    char text[8];
    assert_int_equal(runtime_value_name(name, 8, "BootX"), STATUS_OK);
    runtime_value_text(text, sizeof(text), name, 8);
    assert_string_equal(text, "BootX");
    assert_int_equal(runtime_value_name(name, 8, "1234567"), STATUS_OK);
    assert_int_equal(runtime_value_name(name, 8, "12345678"), STATUS_LIMIT);
    assert_int_equal(runtime_value_name(name, 8, ""), STATUS_INVALID);
    assert_int_equal(runtime_value_name(name, 8, "a b"), STATUS_INVALID);
    assert_int_equal(runtime_value_name(name, 8, "a\xC3"), STATUS_INVALID);

    const uint16_t foreign[3] = {'A', 0x20AC, 0x1B}; /* not terminated */
    runtime_value_text(text, sizeof(text), foreign, 3);
    assert_string_equal(text, "A??");
    runtime_value_text(text, 2, foreign, 3);
    assert_string_equal(text, "A");
}

static void guids_are_written_as_everywhere(void **state)
{
    (void)state;
    const struct efi_guid guid = EFI_GUID_GLOBAL_VARIABLE;
    char text[RUNTIME_VALUE_GUID_BYTES];
    runtime_value_guid(text, &guid);
    assert_string_equal(text, "8be4df61-93ca-11d2-aa0d-00e098032b8c");
}

static void statuses_are_translated(void **state)
{
    (void)state;
    assert_int_equal(runtime_value_status(EFI_SUCCESS), STATUS_OK);
    assert_int_equal(runtime_value_status(EFI_NOT_FOUND), STATUS_NOT_FOUND);
    assert_int_equal(runtime_value_status(EFI_BUFFER_TOO_SMALL), STATUS_LIMIT);
    assert_int_equal(runtime_value_status(EFI_UNSUPPORTED), STATUS_UNSUPPORTED);
    assert_int_equal(runtime_value_status(EFI_SECURITY_VIOLATION), STATUS_DEVICE);
    assert_int_equal(runtime_value_status(0x7777), STATUS_DEVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind_has_its_flags, start, stop),
        cmocka_unit_test_setup_teardown(a_missing_attribute_does_not_matter, start, stop),
        cmocka_unit_test_setup_teardown(types_that_say_nothing_may_hold_code, start, stop),
        cmocka_unit_test_setup_teardown(what_is_beyond_the_half_is_left_out, start, stop),
        cmocka_unit_test_setup_teardown(no_memory_for_tables_is_said, start, stop),
        cmocka_unit_test_setup_teardown(good_entries_narrow_the_flags, start, stop),
        cmocka_unit_test_setup_teardown(an_entry_leaves_caching_as_it_is, start, stop),
        cmocka_unit_test_setup_teardown(unaligned_code_is_code_to_its_end, start, stop),
        cmocka_unit_test_setup_teardown(a_bad_entry_changes_nothing, start, stop),
        cmocka_unit_test_setup_teardown(of_two_that_overlap_the_first_counts, start, stop),
        cmocka_unit_test(a_senseless_header_has_no_length),
        cmocka_unit_test_setup_teardown(garbage_entries_map_nothing, start, stop),
        cmocka_unit_test_setup_teardown(holds_asks_for_one_region, start, stop),
        cmocka_unit_test(times_are_checked),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(guids_are_written_as_everywhere),
        cmocka_unit_test(statuses_are_translated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
