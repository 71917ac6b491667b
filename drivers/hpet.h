/* The High Precision Event Timer's main counter, as a clock to measure others by. No interrupts. */
#ifndef KEEL_DRIVERS_HPET_H
#define KEEL_DRIVERS_HPET_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* Bytes of its register block that this driver touches. */
#define HPET_WINDOW_BYTES 0x400u

struct hpet {
    volatile uint8_t *registers;
    uint32_t period_fs;    /* femtoseconds (10^-15 s) a tick */
    uint64_t counter_mask; /* a difference of two readings is modulo this */
};

/*
 * Stops its legacy interrupts and starts the counter. `registers` is mapped uncached. STATUS_INVALID: what is there
 * breaks the specification (IA-PC HPET 1.0a, 2.3.4: a period of 0 or over 100 ns). STATUS_DEVICE: it does not count.
 */
enum status hpet_init(struct hpet *hpet, volatile void *registers) MUST_CHECK;

uint64_t hpet_counter(const struct hpet *hpet);

#endif
