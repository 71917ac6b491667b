/*
 * All CPUs: starting them, giving them work, telling them of changed page tables.
 *
 * Owns: the list of running CPUs, each one's block and stacks.
 * Rules: the kernel has no threads. The boot CPU runs main and the monitor; the others halt with interrupts on until
 * smp_run_on_all posts work. One post at a time; the boot CPU posts.
 */
#ifndef KEEL_KERNEL_SMP_H
#define KEEL_KERNEL_SMP_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "kernel/x86/percpu.h"

/* Pages of each CPU's stack, and of each of its three spare stacks. All have guard pages. */
#define SMP_STACK_PAGES           4u
#define SMP_INTERRUPT_STACK_PAGES 2u

/* Gives the boot CPU its stacks, or panics; main then enters this_cpu()->stack_top (cpu_enter_stack). Memory works. */
void smp_init_boot_cpu(void);

/*
 * Starts the CPUs of `apic_ids` (the boot CPU's own and doubles are skipped), at most `cpu_limit` in all, by way of the
 * page at `trampoline` (below 1 MiB; 0: none). Prints each that does not come, by its APIC ID. A status other than
 * OK means that no CPU was started, and why: UNSUPPORTED (no trampoline, or tables above 4 GiB) or NO_MEMORY.
 * Interrupts and time work.
 */
enum status smp_start(const uint32_t *apic_ids, unsigned count, unsigned cpu_limit, struct paddr trampoline);

/* CPUs that run, this one included; their indices are 0 to count - 1. 1 before smp_start. */
unsigned smp_cpu_count(void);
struct percpu *smp_cpu(unsigned index);

/* How long smp_start took, in microseconds, and how many CPUs were asked for but did not come. */
uint64_t smp_start_us(void);
unsigned smp_missing_count(void);

/*
 * Runs function(argument) on every CPU, this one included, and returns when all have finished. Interrupts on; not from
 * a handler. STATUS_TIMEOUT after SMP_RUN_LIMIT_US: some CPU is lost and may still use `argument`.
 */
#define SMP_RUN_LIMIT_US 60000000u
enum status smp_run_on_all(void (*function)(void *), void *argument);

/* The same on one CPU (any but the caller's). */
enum status smp_run_on(unsigned index, void (*function)(void *), void *argument);

/* NMI to every other CPU, and a bounded wait until they have stopped. For panics. Returns how many did not. */
unsigned smp_stop_others(void);

/* ---- For smp_start.c alone ---- */

/* A CPU's stacks out of kernel_mm. STATUS_NO_MEMORY: none is kept. */
enum status smp_give_stacks(struct percpu *cpu) MUST_CHECK;
void smp_take_stacks(struct percpu *cpu);

/* Registers VECTOR_WAKE and VECTOR_TLB. Once. */
void smp_init_interrupts(void);

/* From here on there are `count` more CPUs, and all take part in forgetting translations. */
void smp_set_others(struct percpu **others, unsigned count);

/* Where a started CPU stays: halts with interrupts on, runs what is posted. */
NORETURN void smp_idle(void);

#endif
