/*
 * Traps: where every vector goes.
 *
 * Owns: the decision whether an exception is expected (recover_call, a firmware call, recover_read) or a panic, and the
 * passing of interrupts to kernel/irq.c.
 * Rules: handlers run with interrupts off, never allocate, and print only to die.
 */
#ifndef KEEL_KERNEL_TRAP_H
#define KEEL_KERNEL_TRAP_H

#include "kernel/base/types.h"
#include "kernel/x86/recover.h"
#include "kernel/x86/trap_frame.h"

struct percpu;

/* The boot CPU's block, segments, vectors and control registers: faults are reported from here on. First of all. */
void trap_init(void);

/* Double faults, NMIs and machine checks use the stacks in this CPU's block from here on. */
void trap_use_stacks(void);

/* What trap_init and trap_use_stacks do, for another CPU, whose block and stacks are ready. */
void trap_init_cpu(struct percpu *cpu);

/* "page fault", "divide error", ...: a constant string for every exception. */
const char *trap_name(uint64_t vector);

/* From vectors.asm, once per trap. Changes to `frame` take effect on return. */
void trap_dispatch(struct trap_frame *frame);

#endif
