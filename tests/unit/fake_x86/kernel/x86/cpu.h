/* Stands in for kernel/x86/cpu.h in host tests: the time-stamp counter is the test's. */
#ifndef KEEL_X86_CPU_H
#define KEEL_X86_CPU_H

#include "kernel/x86/io.h"

uint64_t fake_tsc(void);

static inline uint64_t cpu_tsc(void)
{
    return fake_tsc();
}

#endif
