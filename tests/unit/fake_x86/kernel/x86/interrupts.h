/* Stands in for kernel/x86/interrupts.h in host tests: a program has no interrupt flag to change. */
#ifndef KEEL_X86_INTERRUPTS_H
#define KEEL_X86_INTERRUPTS_H

#include "kernel/base/types.h"

static inline uint64_t interrupts_save_and_disable(void)
{
    return 0;
}

static inline void interrupts_restore(uint64_t flags)
{
    (void)flags;
}

#endif
