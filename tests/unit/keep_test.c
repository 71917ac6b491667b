/* mm/keep.c: what touches becomes one range, the limit changes nothing, and a walk sees each page once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/keep.h"

static void assert_range(struct prange range, uint64_t start, uint64_t end)
{
    assert_int_equal(range.start.value, start);
    assert_int_equal(range.end.value, end);
}

static void bytes_become_pages_and_neighbours_one(void **state)
{
    (void)state;
    struct keep_list keep = {.count = 0};
    assert_int_equal(keep_add(&keep, PRANGE(0x5010, 0x5020)), STATUS_OK);
    assert_int_equal(keep_add(&keep, PRANGE(0x1FFF, 0x2001)), STATUS_OK);
    assert_int_equal(keep_add(&keep, PRANGE(0x9000, 0xA000)), STATUS_OK);
    assert_int_equal(keep.count, 3);
    assert_range(keep.ranges[0], 0x1000, 0x3000);
    assert_range(keep.ranges[1], 0x5000, 0x6000);
    assert_int_equal(keep_add(&keep, PRANGE(0x5800, 0x5900)), STATUS_OK);
    assert_int_equal(keep.count, 3);
    assert_int_equal(keep_add(&keep, PRANGE(0x3000, 0x5000)), STATUS_OK);
    assert_int_equal(keep.count, 2);
    assert_range(keep.ranges[0], 0x1000, 0x6000);
    assert_range(keep.ranges[1], 0x9000, 0xA000);
    assert_int_equal(keep_add(&keep, PRANGE(0, 0x100000)), STATUS_OK);
    assert_int_equal(keep.count, 1);
    expect_assert_failure((void)!keep_add(&keep, PRANGE(0x1000, 0x1000)));
}

static void the_limit_changes_nothing(void **state)
{
    (void)state;
    struct keep_list keep = {.count = 0};
    for (uint64_t i = 0; i < KEEP_MAX; i++)
        assert_int_equal(keep_add(&keep, PRANGE(i * 0x2000, i * 0x2000 + 1)), STATUS_OK);
    struct keep_list before = keep;
    assert_int_equal(keep_add(&keep, PRANGE(0x1000000, 0x1000001)), STATUS_LIMIT);
    assert_memory_equal(&keep, &before, sizeof(keep));
    assert_int_equal(keep_add(&keep, PRANGE(0x1000, 0x1001)), STATUS_OK); /* joins two */
    assert_int_equal(keep.count, KEEP_MAX - 1);
}

/*   rest   [0x1000 ------------------------------ 0x9000)
 *   kept  [0 - 0x2000)      [0x4000, 0x5000)      [0x8000 - 0x20000)   */
static void a_walk_alternates(void **state)
{
    (void)state;
    static const struct keep_list keep = {
        .ranges = {{{0}, {0x2000}}, {{0x4000}, {0x5000}}, {{0x8000}, {0x20000}}},
          .count = 3
    };
    static const uint64_t ends[] = {0x2000, 0x4000, 0x5000, 0x8000, 0x9000};
    struct prange rest = PRANGE(0x1000, 0x9000);
    uint64_t start = 0x1000;
    for (unsigned i = 0; i < 5; i++) {
        struct prange piece;
        assert_int_equal(keep_next(&keep, &rest, &piece), i % 2 == 0);
        assert_range(piece, start, ends[i]);
        start = ends[i];
    }
    assert_true(prange_empty(rest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_pages_and_neighbours_one),
        cmocka_unit_test(the_limit_changes_nothing),
        cmocka_unit_test(a_walk_alternates),
    };
    return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
