/* kernel/base/range.h, bits.h and types.h: the arithmetic that everything else leans on, at its edges. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "kernel/base/bits.h"
#include "kernel/base/range.h"

/*      a: [0x1000 ------- 0x4000)
 *      b:           [0x3000 -- 0x6000)
 *      c:                 [0x4000, 0x5000)      touches a, shares nothing with it */
static void ranges_are_half_open(void **state)
{
    (void)state;
    struct prange a = PRANGE(0x1000, 0x4000);
    struct prange b = PRANGE(0x3000, 0x6000);
    struct prange c = PRANGE(0x4000, 0x5000);
    assert_true(prange_overlaps(a, b));
    assert_false(prange_overlaps(a, c));
    assert_true(prange_contains(a, PADDR(0x1000)));
    assert_false(prange_contains(a, PADDR(0x4000)));
    assert_int_equal(prange_intersect(a, b).start.value, 0x3000);
    assert_int_equal(prange_intersect(a, b).end.value, 0x4000);
    assert_true(prange_empty(prange_intersect(a, c)));
    assert_int_equal(prange_pages(b), 3);
}

static void rounding_takes_whole_pages(void **state)
{
    (void)state;
    struct prange outward = prange_page_outward(PRANGE(0x1801, 0x2001));
    assert_int_equal(outward.start.value, 0x1000);
    assert_int_equal(outward.end.value, 0x3000);
    assert_int_equal(pages_for_bytes(0), 0);
    assert_int_equal(pages_for_bytes(1), 1);
    assert_int_equal(pages_for_bytes(PAGE_SIZE), 1);
    assert_int_equal(pages_for_bytes(UINT64_MAX), (UINT64_MAX >> PAGE_SHIFT) + 1);
}

static void masks_cover_zero_to_all_bits(void **state)
{
    (void)state;
    assert_int_equal(bits_mask(0, 0), 0);
    assert_int_equal(bits_mask(63, 0), 0);
    assert_true(bits_mask(0, 64) == UINT64_MAX);
    assert_true(bits_mask(63, 1) == 0x8000000000000000ull);
    assert_int_equal(bits_mask(4, 4), 0xF0);
    assert_int_equal(bits_first(0x50), 4);
    assert_int_equal(bits_last(0x50), 6);
    assert_int_equal(bits_count(0x8000000000000001ull), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_half_open),
        cmocka_unit_test(rounding_takes_whole_pages),
        cmocka_unit_test(masks_cover_zero_to_all_bits),
    };
    return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
