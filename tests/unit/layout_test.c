/* mm/layout.c: every part stays in its window, whatever is drawn, and may lie anywhere in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/layout.h"

#define IMAGE_BYTES (1200 * KIB)
#define DRAWS       20000u

static struct entropy entropy = ENTROPY_START;

static void assert_sound(const struct layout *layout, uint64_t image_bytes, uint64_t ram_bytes)
{
    assert_int_equal(layout->image & PAGE_MASK, 0);
    assert_int_equal(layout->direct_map & (GIB - 1), 0);
    assert_int_equal(layout->vspace & (2 * MIB - 1), 0);
    assert_true(layout->direct_map >= DIRECT_MAP_WINDOW && layout->direct_map + ram_bytes <= VSPACE_WINDOW);
    assert_true(layout->vspace >= VSPACE_WINDOW && layout->vspace + VSPACE_BYTES <= VSPACE_WINDOW_END);
    assert_true(layout->image >= IMAGE_WINDOW && layout->image + image_bytes <= IMAGE_WINDOW_END);
    assert_true(layout->image + image_bytes > layout->image);
}

/* From the smallest machine to more RAM than the direct map takes: what is too much is left out (mm/memmap.c). */
static void never_overlaps(void **state)
{
    (void)state;
    static const uint64_t ends[] = {MIB, 512 * MIB, GIB, GIB + 1, TIB, 63 * TIB + 5, 64 * TIB, 65 * TIB, UINT64_MAX};
    for (unsigned i = 0; i < ARRAY_COUNT(ends); i++) {
        for (unsigned draw = 0; draw < DRAWS; draw++) {
            struct layout layout = layout_choose(&entropy, IMAGE_BYTES, ends[i]);
            assert_sound(&layout, IMAGE_BYTES, min_u64(ends[i], DIRECT_MAP_BYTES));
        }
    }
}

/* Each thirty-second part of each range is drawn: what is missed once in 20,000 draws is missed for ever. */
static void all_of_the_range_is_reached(void **state)
{
    (void)state;
    uint32_t image = 0;
    uint32_t direct_map = 0;
    uint32_t vspace = 0;
    for (unsigned draw = 0; draw < DRAWS; draw++) {
        struct layout layout = layout_choose(&entropy, IMAGE_BYTES, 512 * MIB);
        image |= 1u << (layout.image - IMAGE_WINDOW) / (2 * GIB / 32);
        direct_map |= 1u << (layout.direct_map - DIRECT_MAP_WINDOW) / (120 * TIB / 32);
        vspace |= 1u << (layout.vspace - VSPACE_WINDOW) / (6656 * GIB / 32);
    }
    assert_int_equal(image, UINT32_MAX);
    assert_int_equal(direct_map, UINT32_MAX);
    assert_int_equal(vspace, UINT32_MAX);
}

/* An image that leaves room for four places: each of them, the first and the last too. */
static void the_ends_are_reached(void **state)
{
    (void)state;
    uint64_t image_bytes = IMAGE_WINDOW_END - IMAGE_WINDOW - 3 * PAGE_SIZE;
    unsigned seen = 0;
    for (unsigned draw = 0; draw < 1000; draw++) {
        struct layout layout = layout_choose(&entropy, image_bytes, MIB);
        assert_sound(&layout, image_bytes, MIB);
        seen |= 1u << (layout.image - IMAGE_WINDOW) / PAGE_SIZE;
    }
    assert_int_equal(seen, 0xF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_overlaps),
        cmocka_unit_test(all_of_the_range_is_reached),
        cmocka_unit_test(the_ends_are_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
