/*
 * A limit to how long firmware may keep the CPU.
 *
 * A runtime service runs with interrupts off, so only an NMI ends one that never returns. Another CPU sends it; on a
 * machine with one CPU, the PIT does, through the I/O APIC.
 *
 * Owns: the one watch, and channel 0 of the PIT.
 * Rules: one watch at a time, around one firmware_call. The boot CPU, interrupts on.
 */
#ifndef KEEL_KERNEL_WATCHDOG_H
#define KEEL_KERNEL_WATCHDOG_H

#include "kernel/base/types.h"

/*
 * From here on this CPU gets an NMI once `limit_us` have passed. False: nothing can send one (a single CPU, and no I/O
 * APIC takes the PIT's line), and there is no limit.
 */
bool watchdog_start(uint64_t limit_us);

/* The call is over, in one way or the other; when this returns no NMI is on its way. */
void watchdog_stop(void);

enum watchdog_nmi {
    WATCHDOG_FOREIGN, /* the NMI is not ours: hardware has something to say */
    WATCHDOG_EARLY,   /* ours, to be ignored */
    WATCHDOG_OVERDUE, /* ours, and time is up */
};

/* For kernel/trap.c: what an NMI on this CPU means. */
enum watchdog_nmi watchdog_nmi(void);

#endif
