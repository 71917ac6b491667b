/* The list of CPUs, the work that they are given, and their end. Starting them: smp_start.c. */
#include "kernel/smp.h"

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/irq.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/port.h"

/* How long panics wait for the others; an NMI takes microseconds. */
#define STOP_LIMIT_US 100000u

static struct {
    struct percpu **others; /* of index 1 at [0] */
    struct percpu *boot;
    uint32_t count;         /* atomic; 0 before smp_init_boot_cpu */
    void (*function)(void *);
    void *argument;
    uint32_t unfinished;    /* CPUs that have not finished the posted work; atomic */
} smp;

unsigned smp_cpu_count(void)
{
    uint32_t count = __atomic_load_n(&smp.count, __ATOMIC_ACQUIRE);
    return count != 0 ? count : 1;
}

struct percpu *smp_cpu(unsigned index)
{
    CHECK(index < smp_cpu_count());
    return index == 0 ? smp.boot : smp.others[index - 1];
}

/* ---- Stacks ---- */

enum status smp_give_stacks(struct percpu *cpu)
{
    enum status status = vspace_stack(&kernel_mm.vspace, SMP_STACK_PAGES, &cpu->stack_top);
    for (unsigned i = 0; i < IST_COUNT && status == STATUS_OK; i++)
        status = vspace_stack(&kernel_mm.vspace, SMP_INTERRUPT_STACK_PAGES, &cpu->interrupt_stack_tops[i]);
    if (status != STATUS_OK)
        smp_take_stacks(cpu);
    return status;
}

void smp_take_stacks(struct percpu *cpu)
{
    if (cpu->stack_top.value != 0)
        vspace_stack_free(&kernel_mm.vspace, cpu->stack_top);
    for (unsigned i = 0; i < IST_COUNT; i++) {
        if (cpu->interrupt_stack_tops[i].value != 0)
            vspace_stack_free(&kernel_mm.vspace, cpu->interrupt_stack_tops[i]);
    }
    cpu->stack_top = VADDR(0);
}

void smp_init_boot_cpu(void)
{
    smp.boot = this_cpu();
    if (smp_give_stacks(smp.boot) != STATUS_OK)
        panic("no memory for the boot CPU's stacks");
    trap_use_stacks();
    __atomic_store_n(&smp.count, 1, __ATOMIC_RELEASE);
}

/* ---- Interrupts between CPUs ---- */

/* HLT ends; the idle loop looks for the work. */
static void wake_interrupt(void *unused)
{
    (void)unused;
}

static void tlb_interrupt(void *unused)
{
    (void)unused;
    port_tlb_answer();
}

/* An interrupt that the local bus did not take leaves a CPU behind: port_tlb_invalidate's bound is where that ends. */
static unsigned notify_others(void)
{
    unsigned told_count = 0;
    for (unsigned i = 0; i < smp_cpu_count(); i++) {
        struct percpu *cpu = smp_cpu(i);
        if (cpu == this_cpu())
            continue;
        __atomic_store_n(&cpu->tlb_pending, 1, __ATOMIC_RELEASE);
        (void)apic_send_interrupt(cpu->apic_id, VECTOR_TLB);
        told_count++;
    }
    return told_count;
}

void smp_init_interrupts(void)
{
    irq_register(VECTOR_WAKE, wake_interrupt, NULL);
    irq_register(VECTOR_TLB, tlb_interrupt, NULL);
}

void smp_set_others(struct percpu **others, unsigned count)
{
    smp.others = others;
    __atomic_store_n(&smp.count, count + 1, __ATOMIC_RELEASE);
    port_set_notify(notify_others);
}

/* ---- Work ---- */

static void run_posted(void)
{
    smp.function(smp.argument);
    __atomic_fetch_sub(&smp.unfinished, 1, __ATOMIC_RELEASE);
}

/* A wake-up between the look and the HLT is not lost: interrupts are off until the HLT. */
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
        run_posted();
    }
}

static void post_to(struct percpu *cpu)
{
    __atomic_fetch_add(&smp.unfinished, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&cpu->work_pending, 1, __ATOMIC_RELEASE);
    (void)apic_send_interrupt(cpu->apic_id, VECTOR_WAKE);
}

static void prepare_post(void (*function)(void *), void *argument)
{
    CHECK(interrupts_enabled());
    CHECK(this_cpu() == smp.boot);
    smp.function = function;
    smp.argument = argument;
}

static enum status wait_for_work(void)
{
    uint64_t deadline = time_deadline(SMP_RUN_LIMIT_US);
    while (__atomic_load_n(&smp.unfinished, __ATOMIC_ACQUIRE) != 0) {
        if (time_after(deadline))
            return STATUS_TIMEOUT;
        cpu_relax();
    }
    return STATUS_OK;
}

/* Work that timed out before must be over, or its CPU would run this function in the place of that. */
enum status smp_run_on_all(void (*function)(void *), void *argument)
{
    if (wait_for_work() != STATUS_OK)
        return STATUS_TIMEOUT;
    prepare_post(function, argument);
    for (unsigned i = 1; i < smp_cpu_count(); i++)
        post_to(smp_cpu(i));
    function(argument);
    return wait_for_work();
}

enum status smp_run_on(unsigned index, void (*function)(void *), void *argument)
{
    CHECK(index != 0);
    if (wait_for_work() != STATUS_OK)
        return STATUS_TIMEOUT;
    prepare_post(function, argument);
    post_to(smp_cpu(index));
    return wait_for_work();
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

unsigned smp_stop_others(void)
{
    if (smp_cpu_count() == 1)
        return 0;
    for (unsigned i = 0; i < smp_cpu_count(); i++) {
        const struct percpu *cpu = smp_cpu(i);
        if (cpu != this_cpu())
            (void)apic_send_nmi(cpu->apic_id);
    }
    uint64_t deadline = time_deadline(STOP_LIMIT_US);
    while (running_others() != 0 && !time_after(deadline))
        cpu_relax();
    return running_others();
}
