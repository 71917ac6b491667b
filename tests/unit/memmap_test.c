/* mm/memmap.c: each rule of normalising alone, and each kind of mending counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/machine.h"

#define REACH (64 * TIB)
#define RT    EFI_MEMORY_RUNTIME

static struct memmap map;
static void *scratch;

static int make_scratch(void **state)
{
    (void)state;
    scratch = malloc(MEMMAP_SCRATCH_BYTES);
    memset(scratch, 0xA5, MEMMAP_SCRATCH_BYTES);
    return 0;
}

static int free_scratch(void **state)
{
    (void)state;
    free(scratch);
    return 0;
}

static enum status build(const struct efi_memory_descriptor *rows, uint32_t count)
{
    struct memmap_source source = {rows, count * sizeof(*rows), sizeof(*rows), 1};
    return memmap_build(&map, &source, NULL, 0, REACH, scratch);
}
#define BUILD(...)                                                                \
    do {                                                                          \
        static const struct efi_memory_descriptor rows[] = {__VA_ARGS__};         \
        assert_int_equal(build(rows, sizeof(rows) / sizeof(rows[0])), STATUS_OK); \
    } while (0)

static void assert_region(uint32_t index, uint64_t start, uint64_t end, enum memory_kind kind, bool runtime)
{
    assert_true(index < map.count);
    assert_int_equal(map.regions[index].range.start.value, start);
    assert_int_equal(map.regions[index].range.end.value, end);
    assert_int_equal(map.regions[index].kind, kind);
    assert_int_equal(map.regions[index].runtime, runtime);
}

static void sorts_and_merges(void **state)
{
    (void)state;
    BUILD(ROW(7, 0x500000, 16, WB), ROW(7, 0x200000, 256, WB), ROW(7, 0x300000, 256, WB), ROW(4, 0x400000, 1, WB),
          ROW(3, 0x401000, 1, WB));
    assert_int_equal(map.count, 3);
    assert_region(0, 0x200000, 0x400000, MEMORY_CONVENTIONAL, false);
    assert_region(1, 0x400000, 0x402000, MEMORY_BOOT_SERVICES, false);
    assert_region(2, 0x500000, 0x510000, MEMORY_CONVENTIONAL, false);
    assert_int_equal(map.mended.unsorted, 1);
    assert_int_equal(map.mended.overlapping, 0);
}

/*   |------------ conventional ------------|
 *        |--- boot services ---|
 *             |reserved|
 *                        |-- loader --|         */
static void the_more_restrictive_kind_wins(void **state)
{
    (void)state;
    BUILD(ROW(7, 0x200000, 256, WB), ROW(4, 0x210000, 64, WB), ROW(0, 0x220000, 16, WB), ROW(2, 0x240000, 32, WB));
    assert_int_equal(map.count, 6);
    assert_region(0, 0x200000, 0x210000, MEMORY_CONVENTIONAL, false);
    assert_region(1, 0x210000, 0x220000, MEMORY_BOOT_SERVICES, false);
    assert_region(2, 0x220000, 0x230000, MEMORY_RESERVED, false);
    assert_region(3, 0x230000, 0x250000, MEMORY_BOOT_SERVICES, false);
    assert_region(4, 0x250000, 0x260000, MEMORY_LOADER, false);
    assert_region(5, 0x260000, 0x300000, MEMORY_CONVENTIONAL, false);
    assert_int_equal(map.mended.overlapping, 5); /* pieces, before neighbours are joined */
}

static void every_type_has_its_kind(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        enum memory_kind plain;
        enum memory_kind runtime;
    } kinds[] = {
        {0,          MEMORY_RESERVED,      MEMORY_RESERVED  },
        {1,          MEMORY_LOADER,        MEMORY_RUNTIME   },
        {2,          MEMORY_LOADER,        MEMORY_RUNTIME   },
        {3,          MEMORY_BOOT_SERVICES, MEMORY_RUNTIME   },
        {4,          MEMORY_BOOT_SERVICES, MEMORY_RUNTIME   },
        {5,          MEMORY_RUNTIME,       MEMORY_RUNTIME   },
        {6,          MEMORY_RUNTIME,       MEMORY_RUNTIME   },
        {7,          MEMORY_CONVENTIONAL,  MEMORY_RUNTIME   },
        {8,          MEMORY_RESERVED,      MEMORY_RESERVED  },
        {9,          MEMORY_ACPI_RECLAIM,  MEMORY_RUNTIME   },
        {10,         MEMORY_ACPI_NVS,      MEMORY_RUNTIME   },
        {11,         MEMORY_MMIO,          MEMORY_MMIO      },
        {12,         MEMORY_MMIO,          MEMORY_MMIO      },
        {13,         MEMORY_RESERVED,      MEMORY_RESERVED  },
        {14,         MEMORY_PERSISTENT,    MEMORY_PERSISTENT},
        {15,         MEMORY_UNACCEPTED,    MEMORY_UNACCEPTED},
        {16,         MEMORY_UNKNOWN,       MEMORY_UNKNOWN   },
        {0x70000001, MEMORY_UNKNOWN,       MEMORY_UNKNOWN   },
        {0x80000001, MEMORY_UNKNOWN,       MEMORY_UNKNOWN   },
        {UINT32_MAX, MEMORY_UNKNOWN,       MEMORY_UNKNOWN   },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct efi_memory_descriptor row = ROW(kinds[i].type, 0x200000, 1, WB);
        assert_int_equal(build(&row, 1), STATUS_OK);
        assert_region(0, 0x200000, 0x201000, kinds[i].plain, false);
        row.attribute |= RT;
        assert_int_equal(build(&row, 1), STATUS_OK);
        assert_region(0, 0x200000, 0x201000, kinds[i].runtime, true);
    }
}

static void what_is_no_ram_is_withheld(void **state)
{
    (void)state;
    BUILD(ROW(7, 0x200000, 1, 0), ROW(4, 0x300000, 1, EFI_MEMORY_UC | EFI_MEMORY_WC | EFI_MEMORY_WT),
          ROW(7, 0x400000, 1, WB | EFI_MEMORY_SP), ROW(9, 0x500000, 1, 0), ROW(6, 0x600000, 1, RT));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(map.regions[i].kind, MEMORY_WITHHELD);
    assert_region(3, 0x500000, 0x501000, MEMORY_ACPI_RECLAIM, false);
    assert_region(4, 0x600000, 0x601000, MEMORY_RUNTIME, true);
    assert_int_equal(map.mended.not_write_back, 2);
    assert_int_equal(map.mended.specific_purpose, 1);
}

static void runtime_is_kept_under_an_overlap(void **state)
{
    (void)state;
    BUILD(ROW(6, 0x200000, 4, WB | RT), ROW(0, 0x201000, 1, WB), ROW(5, 0x300000, 1, WB), ROW(7, 0x400000, 1, WB | RT));
    assert_region(0, 0x200000, 0x201000, MEMORY_RUNTIME, true);
    assert_region(1, 0x201000, 0x202000, MEMORY_RESERVED, true);
    assert_region(2, 0x202000, 0x204000, MEMORY_RUNTIME, true);
    assert_region(3, 0x300000, 0x301000, MEMORY_RUNTIME, false);
    assert_int_equal(map.mended.runtime_missing, 1);
    assert_int_equal(map.mended.runtime_added, 1);
}

static void impossible_lengths_are_dropped(void **state)
{
    (void)state;
    BUILD(ROW(7, 0x200000, 0, WB), ROW(7, 0xFFFFFFFFFFFFF000, 0x0200000000000001, WB), ROW(0, 0, UINT64_MAX, WB),
          ROW(0, 0xFFFFFFFFFFFFF000, 1, WB), ROW(0, 0, 1ull << 52, WB), ROW(7, 0x300000, 1, WB));
    assert_int_equal(map.count, 1);
    assert_region(0, 0x300000, 0x301000, MEMORY_CONVENTIONAL, false);
    assert_int_equal(map.mended.zero_length, 1);
    assert_int_equal(map.mended.wrapping, 4);
}

static void physical_addresses_have_52_bits(void **state)
{
    (void)state;
    BUILD(ROW(11, MEMMAP_PHYSICAL_END - 0x1000, 16, 0), ROW(7, MEMMAP_PHYSICAL_END, 16, WB),
          ROW(7, REACH - 0x1000, 2, WB));
    assert_int_equal(map.count, 3);
    assert_region(0, REACH - 0x1000, REACH, MEMORY_CONVENTIONAL, false);
    assert_region(1, REACH, REACH + 0x1000, MEMORY_WITHHELD, false);
    assert_region(2, MEMMAP_PHYSICAL_END - 0x1000, MEMMAP_PHYSICAL_END, MEMORY_MMIO, false);
    assert_int_equal(map.mended.clipped, 2);
}

static void memory_rounds_inwards_all_else_outwards(void **state)
{
    (void)state;
    BUILD(ROW(7, 0x200800, 2, WB), ROW(0, 0x300C00, 1, WB), ROW(4, 0x400001, 1, WB));
    assert_int_equal(map.count, 2);
    assert_region(0, 0x201000, 0x202000, MEMORY_CONVENTIONAL, false);
    assert_region(1, 0x300000, 0x302000, MEMORY_RESERVED, false);
    assert_int_equal(map.mended.unaligned, 3);
}

static void no_region_crosses_1_mib_or_4_gib(void **state)
{
    (void)state;
    BUILD(ROW(7, 0, (6 * GIB) >> PAGE_SHIFT, WB));
    assert_int_equal(map.count, 3);
    assert_region(0, 0, MIB, MEMORY_CONVENTIONAL, false);
    assert_region(1, MIB, 4 * GIB, MEMORY_CONVENTIONAL, false);
    assert_region(2, 4 * GIB, 6 * GIB, MEMORY_CONVENTIONAL, false);
    assert_int_equal(memmap_pages(&map, MEMORY_CONVENTIONAL, true), 256);
    assert_int_equal(memmap_pages(&map, MEMORY_CONVENTIONAL, false), 6 * 262144 - 256);
}

static void claims_apply_where_memory_is(void **state)
{
    (void)state;
    static const struct efi_memory_descriptor rows[] = {ROW(1, 0x200000, 16, WB), ROW(5, 0x208000, 1, WB | RT)};
    static const struct memmap_claim claims[] = {
        {{{0x1F0000}, {0x220000}}, MEMORY_KERNEL}
    };
    struct memmap_source source = {rows, sizeof(rows), sizeof(rows[0]), 1};
    assert_int_equal(memmap_build(&map, &source, claims, 1, REACH, scratch), STATUS_OK);
    assert_int_equal(map.count, 3);
    assert_region(0, 0x200000, 0x208000, MEMORY_KERNEL, false);
    assert_region(1, 0x208000, 0x209000, MEMORY_RUNTIME, true);
    assert_region(2, 0x209000, 0x210000, MEMORY_KERNEL, false);
}

static enum status build_strided(uint64_t stride, uint64_t said, uint64_t extra_bytes, uint32_t version)
{
    static const struct efi_memory_descriptor rows[] = {ROW(7, 0x200000, 1, WB), ROW(9, 0x300000, 2, WB),
                                                        ROW(7, 0x400000, 3, WB)};
    uint64_t size_bytes = 3 * stride + extra_bytes;
    uint8_t *packed = malloc(size_bytes);
    memset(packed, 0xA5, size_bytes);
    for (size_t i = 0; i < 3; i++)
        memcpy(packed + i * stride, &rows[i], sizeof(rows[i]));
    struct memmap_source source = {packed, size_bytes, said, version};
    enum status status = memmap_build(&map, &source, NULL, 0, REACH, scratch);
    free(packed);
    return status;
}

static void assert_three_regions(void)
{
    assert_int_equal(map.count, 3);
    assert_region(0, 0x200000, 0x201000, MEMORY_CONVENTIONAL, false);
    assert_region(1, 0x300000, 0x302000, MEMORY_ACPI_RECLAIM, false);
    assert_region(2, 0x400000, 0x403000, MEMORY_CONVENTIONAL, false);
}

static void the_stride_is_the_firmwares(void **state)
{
    (void)state;
    static const uint64_t strides[] = {40, 41, 48, 56, 64, 4096};
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        assert_int_equal(build_strided(strides[i], strides[i], 0, 1), STATUS_OK);
        assert_three_regions();
        assert_int_equal(map.mended.truncated + map.mended.version_other, 0);
    }
    assert_int_equal(build_strided(48, 48, 47, 2), STATUS_OK);
    assert_three_regions();
    assert_int_equal(map.mended.truncated, 1);
    assert_int_equal(map.mended.version_other, 1);
    assert_int_equal(build_strided(48, 39, 0, 1), STATUS_INVALID);
    assert_int_equal(build_strided(48, 1, 0, 1), STATUS_INVALID);
    assert_int_equal(build_strided(48, 0, 0, 1), STATUS_INVALID);
    assert_int_equal(build_strided(48, UINT64_MAX, 0, 1), STATUS_INVALID);
    assert_int_equal(build(NULL, 0), STATUS_INVALID);
}

/* The worst case for regions: every descriptor splits the one below it. */
static void as_many_descriptors_as_the_limit_says(void **state)
{
    (void)state;
    struct efi_memory_descriptor *rows = calloc(MEMMAP_DESCRIPTORS_MAX + 1, sizeof(*rows));
    rows[0] = (struct efi_memory_descriptor)ROW(7, 0x200000, 1u << 19, WB);
    for (uint32_t i = 1; i <= MEMMAP_DESCRIPTORS_MAX; i++)
        rows[i] = (struct efi_memory_descriptor)ROW(0, 0x200000 + i * 0x2000, 1, WB);
    assert_int_equal(build(rows, MEMMAP_DESCRIPTORS_MAX), STATUS_OK);
    assert_int_equal(map.count, 2 * MEMMAP_DESCRIPTORS_MAX - 1);
    assert_int_equal(map.mended.overlapping, MEMMAP_DESCRIPTORS_MAX - 1);
    assert_int_equal(build(rows, MEMMAP_DESCRIPTORS_MAX + 1), STATUS_LIMIT);
    free(rows);
}

static void find_gives_the_region_at_or_above(void **state)
{
    (void)state;
    BUILD(ROW(7, 0x200000, 1, WB), ROW(9, 0x300000, 2, WB));
    assert_int_equal(memmap_find(&map, PADDR(0)), 0);
    assert_int_equal(memmap_find(&map, PADDR(0x200FFF)), 0);
    assert_int_equal(memmap_find(&map, PADDR(0x201000)), 1);
    assert_int_equal(memmap_find(&map, PADDR(0x301FFF)), 1);
    assert_int_equal(memmap_find(&map, PADDR(0x302000)), 2);
}

/* A range is of all the kinds that it touches, and of none in a hole or where it only ends. */
static void any_looks_at_what_the_range_touches(void **state)
{
    (void)state;
    BUILD(ROW(9, 0x200000, 1, WB), ROW(4, 0x300000, 2, WB), ROW(0, 0x302000, 1, WB));
    assert_true(memmap_any(&map, PRANGE(0x1FF000, 0x300001), memory_kind_reclaimable));
    assert_true(memmap_any(&map, PRANGE(0x301FFF, 0x400000), memory_kind_reclaimable));
    assert_false(memmap_any(&map, PRANGE(0x200000, 0x300000), memory_kind_reclaimable));
    assert_false(memmap_any(&map, PRANGE(0x302000, 0x400000), memory_kind_reclaimable));
    assert_true(memmap_any(&map, PRANGE(0x200FFF, 0x201000), memory_kind_counted));
    assert_false(memmap_any(&map, PRANGE(0x201000, 0x300000), memory_kind_counted));
    assert_false(memmap_any(&map, PRANGE(0x302000, 0x400000), memory_kind_counted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_and_merges),
        cmocka_unit_test(the_more_restrictive_kind_wins),
        cmocka_unit_test(every_type_has_its_kind),
        cmocka_unit_test(what_is_no_ram_is_withheld),
        cmocka_unit_test(runtime_is_kept_under_an_overlap),
        cmocka_unit_test(impossible_lengths_are_dropped),
        cmocka_unit_test(physical_addresses_have_52_bits),
        cmocka_unit_test(memory_rounds_inwards_all_else_outwards),
        cmocka_unit_test(no_region_crosses_1_mib_or_4_gib),
        cmocka_unit_test(claims_apply_where_memory_is),
        cmocka_unit_test(the_stride_is_the_firmwares),
        cmocka_unit_test(as_many_descriptors_as_the_limit_says),
        cmocka_unit_test(find_gives_the_region_at_or_above),
        cmocka_unit_test(any_looks_at_what_the_range_touches),
    };
    return cmocka_run_group_tests_name("memmap", tests, make_scratch, free_scratch);
}
