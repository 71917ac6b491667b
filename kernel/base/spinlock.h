/*
 * A lock for a few instructions' worth of work, first come first served.
 *
 * Rules: interrupt handlers never take one that is also taken with interrupts on; the kernel's own callers wrap it
 * with interrupts off where a handler needs it (kernel/console.c). cpu_relax comes from each program, as
 * check_failed does: PAUSE in the kernel (kernel/x86/port.c), sched_yield on the host.
 */
#ifndef KEEL_BASE_SPINLOCK_H
#define KEEL_BASE_SPINLOCK_H

#include "kernel/base/types.h"

void cpu_relax(void);

struct spinlock {
    uint32_t next;    /* the ticket that the next comer draws */
    uint32_t serving; /* the ticket whose holder is inside */
};

static inline void spinlock_acquire(struct spinlock *lock)
{
    /* The draw needs no order: seeing one's own number, with acquire, is what lets the section begin. */
    uint32_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
}

static inline void spinlock_release(struct spinlock *lock)
{
    /* Only the holder writes `serving`, so reading it needs no atomic. */
    __atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
}

/* Whether somebody has it, or waits for it: of use only where all others stand still. */
static inline bool spinlock_is_held(const struct spinlock *lock)
{
    return __atomic_load_n(&lock->next, __ATOMIC_ACQUIRE) != __atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE);
}

#endif
