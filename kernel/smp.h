/*
 * All CPUs: starting them, giving them work, telling them of changed page tables.
 *
 * Owns: the list of running CPUs, each one's block and stacks.
 * Rules: the kernel has no threads. The boot CPU runs main and the monitor; the others halt with interrupts on until
 * smp_run_on_all posts work. One post at a time; the boot CPU posts.
 */
#ifndef KEEL_KERNEL_SMP_H
#define KEEL_KERNEL_SMP_H

#include "drivers/acpi.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "kernel/x86/percpu.h"
#include "mm/mm.h"

/* Pages of each CPU's stack, and of each of its three spare stacks. All have guard pages. */
#define SMP_STACK_PAGES           4u
#define SMP_INTERRUPT_STACK_PAGES 2u

/* Gives the boot CPU its stacks, or panics; main then enters this_cpu()->stack_top (cpu_enter_stack). Memory works. */
void smp_init_boot_cpu(void);

/*
 * Starts the enabled CPUs of the MADT (the boot CPU's own ID is skipped), at most `cpu_limit` in all, by way of the
 * page at `trampoline` (below 1 MiB; 0: none). Prints each that cannot be used or does not come, by its APIC ID. A
 * status other than OK means that no CPU was started, and why: UNSUPPORTED (no trampoline, or tables above 4 GiB) or
 * NO_MEMORY. Interrupts and time work. `madt` names no ID twice (acpi_madt_parse).
 */
enum status smp_start(const struct acpi_madt *madt, unsigned cpu_limit, struct paddr trampoline);

/* CPUs that run, this one included; their indices are 0 to count - 1. 1 before smp_start. */
unsigned smp_cpu_count(void);
struct percpu *smp_cpu(unsigned index);

/* How smp_start went. */
struct smp_facts {
    uint64_t start_us;      /* how long it took */
    uint32_t missing_count; /* CPUs that were asked to come but did not */
};
struct smp_facts smp_facts(void);

/*
 * Runs function(argument) on every CPU, this one included, and returns when all have finished. Interrupts on; not from
 * a handler. STATUS_TIMEOUT after SMP_RUN_LIMIT_US: some CPU is lost and may still use `argument`.
 */
#define SMP_RUN_LIMIT_US 60000000u
enum status smp_run_on_all(void (*function)(void *), void *argument);

/*
 * Posts the work to one CPU (any but the caller's) and returns at once; smp_wait returns when it is done. In between
 * nothing else may be posted. STATUS_TIMEOUT as above.
 */
enum status smp_post(unsigned index, void (*function)(void *), void *argument);
enum status smp_wait(void);

/* NMI to every other CPU, and a bounded wait until they have stopped. For panics. Returns how many did not. */
unsigned smp_stop_others(void);

/* ---- For smp_start.c alone ---- */

/* By index; beyond smp_cpu_count those that are being started. */
extern struct percpu *smp_cpus[MM_CPUS_MAX];

/* A CPU's stacks out of kernel_mm. STATUS_NO_MEMORY: some may be missing. Back go those of a CPU that has all. */
enum status smp_give_stacks(struct percpu *cpu) MUST_CHECK;
void smp_take_stacks(struct percpu *cpu);

/* From here on there are `count` CPUs, and all take part in forgetting translations. */
void smp_set_count(unsigned count);

/* Where a started CPU stays: halts with interrupts on, runs what is posted. */
NORETURN void smp_idle(void);

#endif
