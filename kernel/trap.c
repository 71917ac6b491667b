/* Where every vector goes. */
#include "kernel/trap.h"

#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/gdt.h"
#include "kernel/x86/idt.h"
#include "kernel/x86/percpu.h"

/* SDM 3, table 6-1; the last three are AMD's (APM 2, 8.2). */
static const char *const names[VECTOR_EXCEPTIONS] = {
    [0] = "divide error",
    [1] = "debug exception",
    [2] = "non-maskable interrupt",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound range exceeded",
    [6] = "invalid opcode",
    [7] = "device not available",
    [8] = "double fault",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack-segment fault",
    [13] = "general protection fault",
    [14] = "page fault",
    [16] = "x87 floating-point error",
    [17] = "alignment check",
    [18] = "machine check",
    [19] = "SIMD floating-point error",
    [20] = "virtualisation exception",
    [21] = "control-protection exception",
    [28] = "hypervisor injection exception",
    [29] = "VMM communication exception",
    [30] = "security exception",
};

const char *trap_name(uint64_t vector)
{
    if (vector >= VECTOR_EXCEPTIONS)
        return "interrupt";
    return names[vector] != NULL ? names[vector] : "reserved exception";
}

void trap_init(void)
{
    percpu_init_boot();
    cpu_detect();
    cpu_init();
    gdt_load(&this_cpu()->segments);
    idt_init();
    this_cpu()->apic_id = cpu_initial_apic_id();
}

void trap_use_stacks(void)
{
    struct percpu *cpu = this_cpu();
    for (unsigned i = 0; i < IST_COUNT; i++)
        gdt_set_interrupt_stack(&cpu->segments, i + 1, cpu->interrupt_stack_tops[i]);
    idt_use_interrupt_stacks();
}

void trap_init_cpu(struct percpu *cpu)
{
    percpu_use(cpu);
    cpu_init();
    gdt_load(&cpu->segments);
    trap_use_stacks();
    idt_load();
}

bool trap_catch(void (*function)(void *), void *argument, struct recovery *report)
{
    struct recovery recovery;
    bool faulted = !recover_call(&recovery, function, argument);
    if (faulted && report != NULL)
        *report = recovery;
    return faulted;
}

/* NMI and machine checks come from outside: they say nothing about the code that they interrupt. */
static bool blames_the_code(uint64_t vector)
{
    return vector != VECTOR_NMI && vector != VECTOR_MACHINE_CHECK;
}

static void recover(struct trap_frame *frame, struct recovery *recovery)
{
    recovery->vector = frame->vector;
    recovery->error = frame->error;
    recovery->fault_rip = frame->rip;
    recovery->fault_address = cpu_read_cr2();
    this_cpu()->recovery = NULL;
    frame->rip = recovery->rip;
    frame->rsp = recovery->rsp;
    frame->rflags &= ~(uint64_t)(RFLAGS_TF | RFLAGS_DF | RFLAGS_AC);
}

static void exception(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_NMI)
        panic_stop_if_asked();
    if (blames_the_code(frame->vector)) {
        if (frame->rip == vaddr_of(recover_read_access).value) {
            frame->rip = vaddr_of(recover_read_fault).value;
            return;
        }
        if (this_cpu()->recovery != NULL) {
            recover(frame, this_cpu()->recovery);
            return;
        }
    }
    panic_trap(frame);
}

void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector < VECTOR_EXCEPTIONS)
        exception(frame);
    else
        irq_dispatch((uint8_t)frame->vector);
}
