/*
 * kernel/calibrate.c: the rate lies within the error that it states, wherever in its slack each reading was, and the
 * window's end is noticed before a counter says something false.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/calibrate.h"

static const struct time_reference hpet = {"HPET", NULL, 14318180, UINT64_MAX};
static const struct time_reference pm_timer = {"PM timer", NULL, 3579545, 0xFFFFFF};
static const struct time_reference pit = {"PIT", NULL, 1193182, 0xFFFF};

/* What a reference and a timer of 1 MHz show at a moment, when both began at 0 with the TSC. */
static struct calibrate_reading reading_at(const struct time_reference *reference, uint64_t tsc_hz, uint64_t ticks,
                                           uint64_t slack_ticks)
{
    uint64_t value = (uint64_t)((unsigned __int128)ticks * reference->frequency_hz / tsc_hz);
    uint32_t alarm = UINT32_MAX - (uint32_t)((unsigned __int128)ticks * 1000000 / tsc_hz);
    return (struct calibrate_reading){ticks, slack_ticks, value & reference->mask, alarm};
}

/* The same, but the TSC that it was read at is off by as much as the slack allows. */
static struct calibrate_reading shifted(struct calibrate_reading reading, int64_t ticks)
{
    reading.tsc += (uint64_t)ticks;
    return reading;
}

static void assert_within(const struct calibrate_rate *rate, uint64_t tsc_hz)
{
    double off = (double)rate->tsc_hz / (double)tsc_hz - 1;
    /* The bound is relative to what was measured, not to what is true: a part in a thousand of itself. */
    assert_true((off < 0 ? -off : off) * 1e6 <= (double)rate->error_ppm * (1 + (double)rate->error_ppm / 1e6));
}

static void rate_lies_within_its_error(void **state)
{
    (void)state;
    const struct time_reference *references[] = {&hpet, &pm_timer, &pit};
    const uint64_t rates[] = {1000000, 999999937, 3000000000, 6000000000};
    const uint64_t slacks[] = {1, 300, 40000};
    srand(1);
    for (unsigned i = 0; i < 60000; i++) {
        const struct time_reference *reference = references[(unsigned)rand() % ARRAY_COUNT(references)];
        uint64_t hz = rates[(unsigned)rand() % ARRAY_COUNT(rates)];
        int64_t slack = (int64_t)slacks[(unsigned)rand() % ARRAY_COUNT(slacks)];
        uint64_t began = (uint64_t)rand() * 64;
        uint64_t window = 1 + (uint64_t)rand() % (hz / 50); /* 20 ms: the PIT wraps after 55 */
        struct calibrate_reading start = reading_at(reference, hz, began, (uint64_t)slack);
        struct calibrate_reading end = reading_at(reference, hz, began + window, (uint64_t)slack);
        struct calibrate_rate rate;
        start = shifted(start, rand() % (2 * slack + 1) - slack);
        end = shifted(end, rand() % (2 * slack + 1) - slack);
        if (end.tsc > start.tsc && calibrate_tsc(reference, &start, &end, &rate) && rate.error_ppm < 100000)
            assert_within(&rate, hz);
    }
}

static void longer_window_says_more(void **state)
{
    (void)state;
    struct calibrate_reading start = reading_at(&hpet, 3000000000, 0, 1500);
    uint64_t before = 1000000;
    for (uint64_t ms = 1; ms <= 1000; ms *= 10) {
        struct calibrate_reading end = reading_at(&hpet, 3000000000, ms * 3000000, 1500);
        struct calibrate_rate rate;
        assert_true(calibrate_tsc(&hpet, &start, &end, &rate));
        assert_true(rate.error_ppm * 4 < before);
        before = rate.error_ppm;
    }
    assert_true(before <= 3);
}

static void nothing_moved_says_nothing(void **state)
{
    (void)state;
    struct calibrate_reading start = reading_at(&hpet, 3000000000, 1000, 1);
    struct calibrate_reading end = shifted(start, 1 << 30);
    struct calibrate_rate rate;
    assert_false(calibrate_tsc(&hpet, &start, &end, &rate));   /* the reference stands still */
    assert_false(calibrate_tsc(&hpet, &start, &start, &rate)); /* everything does */
    end = reading_at(&hpet, 3000000000, (uint64_t)1 << 40, 1);
    assert_false(calibrate_tsc(&hpet, &start, &end, &rate)); /* longer than what products have room for */
    const struct time_reference absurd = {"1 fs", NULL, 1000000000000000, UINT64_MAX};
    end = reading_at(&absurd, 3000000000, 100000, 1);
    assert_false(calibrate_tsc(&absurd, &start, &end, &rate));
}

static void wrapped_counter_is_noticed(void **state)
{
    (void)state;
    const uint64_t hz = 3000000000;
    struct calibrate_reading start = reading_at(&pit, hz, 0, 1);
    struct calibrate_reading within = reading_at(&pit, hz, hz / 50, 1);  /* 20 ms of 55 */
    struct calibrate_reading beyond = reading_at(&pit, hz, hz / 20, 1);  /* 50 ms */
    struct calibrate_reading long_ago = reading_at(&pit, hz, hz * 2, 1); /* 36 times round */
    /* With a rate that is 5 % off, as the first one may be. */
    for (uint64_t rough = hz / 100 * 95; rough <= hz / 100 * 105; rough += hz / 100 * 10) {
        assert_false(calibrate_is_over(&pit, &start, &within, rough));
        assert_true(calibrate_is_over(&pit, &start, &beyond, rough));
        assert_true(calibrate_is_over(&pit, &start, &long_ago, rough));
        assert_false(calibrate_is_over(&hpet, &start, &long_ago, rough));
    }
    /* A window over the counter's end is as good as any. */
    start = reading_at(&pm_timer, hz, 14059000000, 1);
    within = reading_at(&pm_timer, hz, 14059000000 + hz / 10, 1);
    assert_true(within.value < start.value);
    struct calibrate_rate rate;
    assert_true(calibrate_tsc(&pm_timer, &start, &within, &rate));
    assert_within(&rate, hz);
}

static void stopped_reference_disagrees(void **state)
{
    (void)state;
    const struct calibrate_rate rough = {3000000000, 50000};
    const struct calibrate_rate near = {2900000000, 200};
    const struct calibrate_rate far = {2800000000, 200};
    const struct calibrate_rate stopped = {300000000000, 200};
    assert_true(calibrate_agree(&rough, &near) && calibrate_agree(&near, &rough));
    assert_false(calibrate_agree(&rough, &far) || calibrate_agree(&far, &rough));
    assert_false(calibrate_agree(&rough, &stopped));
}

static void alarm_is_measured_too(void **state)
{
    (void)state;
    const uint64_t hz = 3000000000;
    struct calibrate_reading start = reading_at(&hpet, hz, 5000, 1);
    struct calibrate_reading end = reading_at(&hpet, hz, 5000 + hz / 100, 1);
    uint64_t alarm_hz = calibrate_alarm_hz(&start, &end, hz);
    assert_in_range(alarm_hz, 999000, 1001000);
    end.alarm = start.alarm;
    assert_int_equal(calibrate_alarm_hz(&start, &end, hz), 0);
    assert_int_equal(calibrate_alarm_hz(&start, &start, hz), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_lies_within_its_error),  cmocka_unit_test(longer_window_says_more),
        cmocka_unit_test(nothing_moved_says_nothing),  cmocka_unit_test(wrapped_counter_is_noticed),
        cmocka_unit_test(stopped_reference_disagrees), cmocka_unit_test(alarm_is_measured_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
