/*
 * The list of CPUs, the work that they are given, and their end. Starting them: smp_start.c.
 *
 *     boot CPU                                    another CPU, in smp_idle
 *     work = {function, argument}                 sleeps
 *     unfinished++, work_pending = 1 -- release
 *     VECTOR_CALL ------------------------------> wakes it; the handler answers TLB requests, no more
 *     function(argument), if it is for all        work_pending 1 -> 0 -- acquire; function(argument)
 *     waits for unfinished == 0 <-- release ----- unfinished--
 *
 * No queue and no scheduler: one post at a time, and the next one waits for the last.
 */
#include "kernel/smp.h"

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/irq.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/interrupts.h"
#include "kernel/x86/port.h"

/* How long panics wait for the others; an NMI takes microseconds. */
#define STOP_LIMIT_US 100000u

struct percpu *smp_cpus[MM_CPUS_MAX];

static uint32_t cpu_count = 1; /* atomic */

static struct {
    void (*function)(void *);
    void *argument;
    uint32_t unfinished; /* CPUs that have not finished it; atomic */
} work;

unsigned smp_cpu_count(void)
{
    return __atomic_load_n(&cpu_count, __ATOMIC_ACQUIRE);
}

struct percpu *smp_cpu(unsigned index)
{
    CHECK(index < smp_cpu_count());
    return smp_cpus[index];
}

/* ---- Stacks ---- */

enum status smp_give_stacks(struct percpu *cpu)
{
    enum status status = vspace_stack(&kernel_mm.vspace, SMP_STACK_PAGES, &cpu->stack_top);
    for (unsigned i = 0; i < IST_COUNT && status == STATUS_OK; i++)
        status = vspace_stack(&kernel_mm.vspace, SMP_INTERRUPT_STACK_PAGES, &cpu->interrupt_stack_tops[i]);
    return status;
}

void smp_take_stacks(struct percpu *cpu)
{
    vspace_stack_free(&kernel_mm.vspace, cpu->stack_top);
    for (unsigned i = 0; i < IST_COUNT; i++)
        vspace_stack_free(&kernel_mm.vspace, cpu->interrupt_stack_tops[i]);
}

void smp_init_boot_cpu(void)
{
    smp_cpus[0] = this_cpu();
    if (smp_give_stacks(this_cpu()) != STATUS_OK)
        panic("no memory for the boot CPU's stacks");
    trap_use_stacks();
}

/* ---- Interrupts between CPUs ---- */

/* An interrupt that the local bus did not take leaves a CPU behind: port_tlb_invalidate's bound is where that ends. */
static unsigned notify_others(void)
{
    for (unsigned i = 0; i < smp_cpu_count(); i++) {
        struct percpu *cpu = smp_cpu(i);
        if (cpu == this_cpu())
            continue;
        __atomic_store_n(&cpu->tlb_pending, 1, __ATOMIC_RELEASE);
        apic_send(cpu->apic_id, APIC_INTERRUPT | VECTOR_CALL);
    }
    return smp_cpu_count() - 1;
}

void smp_set_count(unsigned count)
{
    irq_register(VECTOR_CALL, port_tlb_answer); /* work is for the idle loop, whose sleep it ends */
    /* The count before the notifier: notify_others goes over as many CPUs as there are. */
    __atomic_store_n(&cpu_count, count, __ATOMIC_RELEASE);
    port_set_notify(notify_others);
}

/* ---- Work ---- */

/* A wake-up between the look and the sleep is not lost: interrupts are off until then. */
void smp_idle(void)
{
    struct percpu *cpu = this_cpu();
    for (;;) {
        interrupts_disable();
        if (!__atomic_exchange_n(&cpu->work_pending, 0, __ATOMIC_ACQUIRE)) {
            interrupts_enable_and_halt();
            continue;
        }
        interrupts_enable();
        work.function(work.argument);
        __atomic_fetch_sub(&work.unfinished, 1, __ATOMIC_RELEASE);
    }
}

enum status smp_wait(void)
{
    uint64_t deadline = time_deadline(SMP_RUN_LIMIT_US);
    while (__atomic_load_n(&work.unfinished, __ATOMIC_ACQUIRE) != 0) {
        if (time_after(deadline))
            return STATUS_TIMEOUT;
        cpu_relax();
    }
    return STATUS_OK;
}

/*
 * To the CPUs [first, end). Work that timed out before must be over, or its CPU would run this function in the place of
 * that.
 */
static enum status post(unsigned first, unsigned end, void (*function)(void *), void *argument)
{
    CHECK(interrupts_enabled() && cpu_index() == 0 && first != 0);
    if (smp_wait() != STATUS_OK)
        return STATUS_TIMEOUT;
    work.function = function;
    work.argument = argument;
    for (unsigned i = first; i < end; i++) {
        /* Counted before it is told, or it could be done before it is counted. */
        __atomic_fetch_add(&work.unfinished, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&smp_cpu(i)->work_pending, 1, __ATOMIC_RELEASE);
        apic_send(smp_cpu(i)->apic_id, APIC_INTERRUPT | VECTOR_CALL);
    }
    return STATUS_OK;
}

enum status smp_run_on_all(void (*function)(void *), void *argument)
{
    if (post(1, smp_cpu_count(), function, argument) != STATUS_OK)
        return STATUS_TIMEOUT;
    function(argument);
    return smp_wait();
}

enum status smp_post(unsigned index, void (*function)(void *), void *argument)
{
    return post(index, index + 1, function, argument);
}

/* ---- The end ---- */

static unsigned running_others(void)
{
    unsigned running = 0;
    for (unsigned i = 0; i < smp_cpu_count(); i++) {
        const struct percpu *cpu = smp_cpu(i);
        running += cpu != this_cpu() && !__atomic_load_n(&cpu->stopped, __ATOMIC_ACQUIRE);
    }
    return running;
}

/* One by one: a CPU that never came has no handler, and an NMI would be the end of it, if not of the machine. */
unsigned smp_stop_others(void)
{
    /* Also before the local APIC is set up: a panic may come as early as that. */
    if (smp_cpu_count() == 1)
        return 0;
    for (unsigned i = 0; i < smp_cpu_count(); i++)
        if (smp_cpu(i) != this_cpu())
            apic_send(smp_cpu(i)->apic_id, APIC_NMI);
    uint64_t deadline = time_deadline(STOP_LIMIT_US);
    while (running_others() != 0 && !time_after(deadline))
        cpu_relax();
    return running_others();
}
