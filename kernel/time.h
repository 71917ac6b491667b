/*
 * Time: the TSC, calibrated during the boot, and a timer that ends a HLT.
 *
 * Owns: the TSC's frequency, the choice of timer (TSC deadline or the local APIC's counter) and VECTOR_TIMER.
 * Rules: time_now_us and time_delay_us work on any CPU after time_init. Every wait here is bounded by its argument.
 */
#ifndef KEEL_KERNEL_TIME_H
#define KEEL_KERNEL_TIME_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "kernel/calibrate.h"

/*
 * Finds out the TSC's rate: by CPUID if it says, else roughly (5 %), against the first of `references` (best first)
 * that counts, or the PIT. That is enough for every wait with a time-out. The local APIC works; `references` stays.
 * Where nothing counts, 1 GHz is assumed, with a warning, and waits come out too short or too long.
 */
void time_init(const struct time_reference *references, unsigned count);

/*
 * The rate as it stays, and the alarm: measured over all that happened since time_init, and longer only where the error
 * would be more than TIME_ERROR_PPM. Times jump by what the first rate was off: no deadline may lie across this, so no
 * other CPU may be at work.
 */
#define TIME_ERROR_PPM 200u
void time_settle(void);

/* Microseconds since the TSC was 0, roughly since reset. */
uint64_t time_now_us(void);
uint64_t time_us_of_tsc(uint64_t tsc);

/* For loops that must end: uint64_t deadline = time_deadline(1000); while (...) if (time_after(deadline)) ... */
uint64_t time_deadline(uint64_t from_now_us);
bool time_after(uint64_t deadline);

/* Spins. Interrupts as they are. */
void time_delay_us(uint64_t duration_us);

/*
 * VECTOR_TIMER will wake this CPU from HLT within the time, and within a second; never on a machine without a timer.
 * Called with interrupts off.
 */
void time_wake_in_us(uint64_t duration_us);

/* For the `time` command. */
struct time_facts {
    const char *source;    /* what the TSC was calibrated against */
    const char *timer;     /* what wakes a CPU: "TSC deadline", "local APIC timer", "none" */
    uint64_t tsc_hz;
    uint64_t error_ppm;    /* of tsc_hz, at most; 0: CPUID says it, or nobody knows */
    uint64_t apic_timer_hz; /* 0 with TSC deadline */
    uint64_t timer_interrupts;
};
struct time_facts time_facts(void);

#endif
