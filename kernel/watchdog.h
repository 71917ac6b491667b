/*
 * A limit to how long firmware may keep the CPU.
 *
 * A runtime service runs with interrupts off, so only an NMI ends one that never returns. Another CPU sends it; on a
 * machine with one CPU, the PIT does, through the I/O APIC. In a panic the other CPU is one that the panic has stopped.
 *
 * Owns: the one watch, and channel 0 of the PIT.
 * Rules: one watch at a time, around one firmware_call. The boot CPU, interrupts on; in a panic any, interrupts off.
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

/* In a panic, when the others are stopped: calls from here on are watched by one that stands by. */
void watchdog_panic_begin(void);

/* On a CPU that a panic elsewhere has stopped: keeps the watches of half a minute. */
void watchdog_stand_by(void);

enum watchdog_nmi {
    WATCHDOG_FOREIGN, /* the NMI is not ours: hardware has something to say */
    WATCHDOG_EARLY,   /* ours, to be ignored */
    WATCHDOG_OVERDUE, /* ours, and time is up */
};

/* For kernel/trap.c: what an NMI on this CPU means. */
enum watchdog_nmi watchdog_nmi(void);

#endif
