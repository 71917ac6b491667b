/* kernel/base/entropy.c: that it is SipHash, that every source counts, and what is drawn from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/base/entropy.h"

/* The paper's own example, appendix A: key 00 01 ... 0F, message 00 01 ... 0E. */
static void is_siphash(void **state)
{
    (void)state;
    struct entropy entropy = ENTROPY_START;
    const uint64_t key[2] = {0x0706050403020100, 0x0F0E0D0C0B0A0908};
    for (unsigned i = 0; i < 4; i++)
        entropy.v[i] ^= key[i % 2];
    entropy_add(&entropy, 0x0706050403020100);
    entropy_add(&entropy, 0x0F0E0D0C0B0A0908);
    assert_true(entropy_draw(&entropy) == 0xA129CA6149BE45E5);
}

static uint64_t drawn_from(uint64_t first, uint64_t second, uint64_t third)
{
    struct entropy entropy = ENTROPY_START;
    entropy_add(&entropy, first);
    entropy_add(&entropy, second);
    entropy_add(&entropy, third);
    return entropy_draw(&entropy);
}

/* One bit of any source changes about half of the bits that come out. */
static void every_source_counts(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t flip = (uint64_t)1 << bit;
        const uint64_t others[] = {drawn_from(flip, 0, 0), drawn_from(0, flip, 0), drawn_from(0, 0, flip)};
        for (unsigned i = 0; i < 3; i++) {
            int changed = __builtin_popcountll(drawn_from(0, 0, 0) ^ others[i]);
            assert_in_range(changed, 12, 52);
        }
    }
}

static void numbers_differ(void **state)
{
    (void)state;
    struct entropy entropy = ENTROPY_START;
    uint64_t numbers[100];
    for (unsigned i = 0; i < 100; i++) {
        numbers[i] = entropy_draw(&entropy);
        for (unsigned before = 0; before < i; before++)
            assert_true(numbers[before] != numbers[i]);
    }
}

/* All of a small range is reached, about equally often, and nothing beyond it. */
static void below_reaches_all(void **state)
{
    enum { COUNT = 7, DRAWS = 7000 };
    (void)state;
    struct entropy entropy = ENTROPY_START;
    unsigned seen[COUNT] = {0};
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t number = entropy_below(&entropy, COUNT);
        assert_true(number < COUNT);
        seen[number]++;
    }
    for (unsigned i = 0; i < COUNT; i++)
        assert_in_range(seen[i], 800, 1200);
    assert_int_equal(entropy_below(&entropy, 1), 0);
}

static void stuck_generators_are_known(void **state)
{
    (void)state;
    const uint64_t good[] = {1, 2, 1, 3};
    const uint64_t ones[] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    const uint64_t gets_stuck[] = {7, 8, 9, 9};
    assert_true(entropy_plausible(good, 4));
    assert_false(entropy_plausible(ones, 4));
    assert_false(entropy_plausible(gets_stuck, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_siphash),
        cmocka_unit_test(every_source_counts),
        cmocka_unit_test(numbers_differ),
        cmocka_unit_test(below_reaches_all),
        cmocka_unit_test(stuck_generators_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
