/* The two one-way jumps of boot/ (enter.asm). */
#ifndef KEEL_BOOT_ENTER_H
#define KEEL_BOOT_ENTER_H

#include "kernel/base/types.h"

struct boot;

/*
 * Goes on in `function` on the stack that ends at `stack_top` (16-byte aligned); the firmware's is left for good, and
 * with it CET. Interrupts off: a handler of the firmware's may rely on its shadow stack.
 */
NORETURN void enter_stack(uint64_t stack_top, void (*function)(struct boot *), struct boot *boot);

/* Enters kernel_main at its address + delta, with `handoff`, an address of the high half, on an emptied stack. */
NORETURN void enter_kernel(uint64_t stack_top, uint64_t delta, uint64_t handoff);

#endif
