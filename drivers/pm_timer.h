/* The ACPI power-management timer: 3.579545 MHz, 24 or 32 bits (ACPI 6.5, 4.8.2.1, 4.8.3.3). */
#ifndef KEEL_DRIVERS_PM_TIMER_H
#define KEEL_DRIVERS_PM_TIMER_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

#define PM_TIMER_HZ 3579545u

struct pm_timer {
    uint16_t port;
    uint32_t mask; /* 24 or 32 ones: a difference of two readings is modulo this */
};

/* `port` and `wide` come from the FADT, whose pm_timer must lie in I/O space. STATUS_NOT_FOUND: port 0, or it does not
 * count. */
enum status pm_timer_init(struct pm_timer *timer, uint16_t port, bool wide) MUST_CHECK;

uint32_t pm_timer_read(const struct pm_timer *timer);

#endif
