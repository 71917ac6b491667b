/*
 * Rates from differences.
 *
 *     reference   ....|.......|.......|.......|....        a tick has just begun, or is about to end, when it is read
 *     TSC         [ start ]                [ end ]         and is read anywhere between two reads of the TSC: within
 *                     '------- ticks ---------'            slack_ticks of their middle
 *
 * So the window's length is known to the two slacks and one tick of the reference, and the longer the window, the less
 * that matters.
 */
#include "kernel/calibrate.h"

#define PPM 1000000u

/* No longer, about 2 s: products below fit 64 bits. A reference of more than 4 GHz would break that, and is none. */
#define WINDOW_TICKS_MAX ((uint64_t)1 << 33)
#define REFERENCE_MAX    ((uint64_t)1 << 32)

bool calibrate_tsc(const struct time_reference *reference, const struct calibrate_reading *start,
                   const struct calibrate_reading *end, struct calibrate_rate *rate)
{
    uint64_t ticks = end->tsc - start->tsc;
    uint64_t passed = (end->value - start->value) & reference->mask;
    uint64_t hz = reference->frequency_hz;
    if (passed == 0 || passed >= REFERENCE_MAX || hz >= REFERENCE_MAX || ticks == 0 || ticks > WINDOW_TICKS_MAX)
        return false;
    /* ticks * hz / passed, in two parts that each fit. */
    rate->tsc_hz = ticks / passed * hz + ticks % passed * hz / passed;
    uint64_t error_ticks = start->slack_ticks + end->slack_ticks + ticks / passed + 1;
    rate->error_ppm = error_ticks < ticks ? error_ticks * PPM / ticks + 1 : PPM;
    return true;
}

bool calibrate_is_over(const struct time_reference *reference, const struct calibrate_reading *start,
                       const struct calibrate_reading *end, uint64_t tsc_hz)
{
    uint64_t ticks = end->tsc - start->tsc;
    /* Half the period, because tsc_hz is not exact yet. */
    uint64_t expected = ticks / max_u64(tsc_hz / reference->frequency_hz, 1);
    return ticks > WINDOW_TICKS_MAX || expected > reference->mask / 2;
}

bool calibrate_agree(const struct calibrate_rate *a, const struct calibrate_rate *b)
{
    uint64_t high = max_u64(a->tsc_hz, b->tsc_hz);
    uint64_t apart = high - min_u64(a->tsc_hz, b->tsc_hz);
    return apart / (high / PPM + 1) <= a->error_ppm + b->error_ppm;
}

uint64_t calibrate_alarm_hz(const struct calibrate_reading *start, const struct calibrate_reading *end,
                            uint64_t tsc_hz)
{
    /* In kHz and thousands of ticks: the error of a thousandth is that of a sleep, and what is multiplied fits. */
    uint64_t counted = start->alarm - end->alarm;
    uint64_t ticks = (end->tsc - start->tsc) / 1000;
    return ticks != 0 ? counted * (tsc_hz / 1000) / ticks : 0;
}
