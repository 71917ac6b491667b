/* mm/early.c: from where pages come, in which order, and when no more do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/early.h"

#define REGION(first, last, memory_kind)                  \
    {                                                     \
        .range = {{first}, {last}}, .kind = (memory_kind) \
    }

static struct memory_region regions[] = {
    REGION(0x1000, 0xA0000, MEMORY_CONVENTIONAL),
    REGION(0x100000, 0x108000, MEMORY_CONVENTIONAL),
    REGION(0x200000, 0x400000, MEMORY_BOOT_SERVICES),
    REGION(0x400000, 0x404000, MEMORY_CONVENTIONAL),
    REGION(4 * GIB, 4 * GIB + 0x20000, MEMORY_CONVENTIONAL),
};
static struct memmap map = {.regions = regions, .count = 5};
static struct early early;

static int begin(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < map.count; i++)
        regions[i].early_pages = 0;
    early_init(&early, &map);
    return 0;
}

static void takes_from_the_end_of_the_largest(void **state)
{
    (void)state;
    assert_int_equal(early.free_pages, 8 + 4 + 32);
    assert_int_equal(early_alloc(&early, 2, EARLY_BELOW_4G).value, 0x106000);
    assert_int_equal(early_alloc(&early, 1, EARLY_BELOW_4G).value, 0x105000);
    assert_int_equal(early_alloc(&early, 1, EARLY_ANYWHERE).value, 4 * GIB + 0x1F000);
    assert_int_equal(early.used_pages, 4);
    assert_int_equal(early.free_pages, 8 + 4 + 32 - 4);
    assert_int_equal(early_taken(&regions[1]).start.value, 0x105000);
    assert_int_equal(early_taken(&regions[1]).end.value, 0x108000);
    assert_int_equal(early_rest(&regions[1]).start.value, 0x100000);
    assert_int_equal(early_rest(&regions[1]).end.value, 0x105000);
}

/* Low memory and boot services never serve, not even when all else is gone. */
static void runs_dry_without_borrowing(void **state)
{
    (void)state;
    uint64_t pages = 0;
    for (struct paddr page; (page = early_alloc(&early, 1, EARLY_ANYWHERE)).value != 0; pages++) {
        assert_true(page.value >= MIB);
        assert_false(prange_contains(regions[2].range, page));
    }
    assert_int_equal(pages, 8 + 4 + 32);
    assert_int_equal(early.free_pages, 0);
    assert_int_equal(early.used_pages, pages);
    assert_int_equal(regions[0].early_pages, 0);
}

static void a_run_does_not_span_regions(void **state)
{
    (void)state;
    assert_int_equal(early_alloc(&early, 9, EARLY_BELOW_4G).value, 0);
    assert_int_equal(early_alloc(&early, 33, EARLY_ANYWHERE).value, 0);
    assert_int_equal(early.used_pages, 0);
    assert_int_equal(early_alloc(&early, 32, EARLY_ANYWHERE).value, 4 * GIB);
    assert_int_equal(early_alloc(&early, 1, MIB).value, 0);
}

static void alloc_after_close(void)
{
    early_alloc(&early, 1, EARLY_ANYWHERE);
}

static void alloc_of_nothing(void)
{
    early_alloc(&early, 0, EARLY_ANYWHERE);
}

static void misuse_is_caught(void **state)
{
    (void)state;
    expect_assert_failure(alloc_of_nothing());
    early_close(&early);
    assert_int_equal(early.free_pages, 0);
    expect_assert_failure(alloc_after_close());
    expect_assert_failure(early_close(&early));
    expect_assert_failure(early_rest(&regions[0]));
    expect_assert_failure(early_rest(&regions[2]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(takes_from_the_end_of_the_largest, begin),
        cmocka_unit_test_setup(runs_dry_without_borrowing, begin),
        cmocka_unit_test_setup(a_run_does_not_span_regions, begin),
        cmocka_unit_test_setup(misuse_is_caught, begin),
    };
    return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
