/*
 * Faults on purpose: each kind in a function of its own, so that the backtrace of the panic names it.
 *
 * The in-kernel tests that expect a fault have their own (kernel/tests); these are not expected by anybody.
 */
#ifndef KEEL_KERNEL_COMMANDS_FAULT_H
#define KEEL_KERNEL_COMMANDS_FAULT_H

#include "kernel/base/types.h"

/* Commits the fault on the CPU with that index, in decimal. False: there is no such kind or no such CPU. */
bool commands_fault_run(const char *kind, const char *cpu);

void commands_fault_list(void);

#endif
