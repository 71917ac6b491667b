/*
 * The interrupt flag of this CPU.
 *
 * A critical section is:   uint64_t flags = interrupts_save_and_disable();  ...  interrupts_restore(flags);
 * Idling is:               interrupts_disable();  if (nothing to do) interrupts_enable_and_halt();  else ..._enable();
 */
#ifndef KEEL_X86_INTERRUPTS_H
#define KEEL_X86_INTERRUPTS_H

#include "kernel/base/types.h"
#include "kernel/x86/regs.h"

static inline uint64_t interrupts_flags(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    return flags;
}

static inline bool interrupts_enabled(void)
{
    return (interrupts_flags() & RFLAGS_IF) != 0;
}

static inline void interrupts_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/* Called with interrupts off. STI takes effect after the next instruction, so no wake-up falls between the two. */
static inline void interrupts_enable_and_halt(void)
{
    __asm__ volatile("sti\n\thlt" : : : "memory");
}

static inline uint64_t interrupts_save_and_disable(void)
{
    uint64_t flags = interrupts_flags();
    interrupts_disable();
    return flags;
}

static inline void interrupts_restore(uint64_t flags)
{
    if (flags & RFLAGS_IF)
        interrupts_enable();
}

#endif
