/*
 * What two readings of a counter of known frequency, some time apart, say about the TSC and the local APIC's timer, and
 * how wrong that can be.
 *
 * Rules: arithmetic only; kernel/time.c does the reading. The error bound holds whatever delayed a reading (an SMI, a
 * hypervisor): a delay makes the bound larger, never false.
 */
#ifndef KEEL_KERNEL_CALIBRATE_H
#define KEEL_KERNEL_CALIBRATE_H

#include "kernel/base/types.h"

/* A counter of known frequency. */
struct time_reference {
    const char *name;
    uint64_t (*read)(void);
    uint64_t frequency_hz;
    uint64_t mask; /* of the counter's width, which it wraps at */
};

/* All counters at one moment, which lies within slack_ticks of `tsc`. */
struct calibrate_reading {
    uint64_t tsc;
    uint64_t slack_ticks;
    uint64_t value; /* of the reference */
    uint32_t alarm; /* what the APIC's timer has left until 0 */
};

struct calibrate_rate {
    uint64_t tsc_hz;
    uint64_t error_ppm; /* it is at most so far off */
};

/* Between two readings. False: they say nothing, as the reference has not moved or the window is too long. */
bool calibrate_tsc(const struct time_reference *reference, const struct calibrate_reading *start,
                   const struct calibrate_reading *end, struct calibrate_rate *rate);

/* Whether the reference may have wrapped between the two, at a TSC of about tsc_hz. */
bool calibrate_is_over(const struct time_reference *reference, const struct calibrate_reading *start,
                       const struct calibrate_reading *end, uint64_t tsc_hz);

/* Whether both can be true. */
bool calibrate_agree(const struct calibrate_rate *a, const struct calibrate_rate *b);

/* The rate of the APIC's timer; 0: it stands still. */
uint64_t calibrate_alarm_hz(const struct calibrate_reading *start, const struct calibrate_reading *end,
                            uint64_t tsc_hz);

#endif
