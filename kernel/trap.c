/*
 * Where every vector goes.
 *
 *     vector 0-31    recover_read's one instruction   -> its landing place
 *                    a point of recovery is set       -> there (recover_call, firmware_call)
 *                    NMI during a panic elsewhere     -> this CPU halts for good
 *                    NMI of the watchdog              -> out of the firmware, as from a fault
 *                    anything else                    -> panic_trap
 *     vector 32-255                                   -> kernel/irq.c
 *
 * A fault on purpose and a bug look alike to the CPU; what tells them apart is one pointer in the CPU's own block.
 *
 * Rules: interrupts are off from the gate on. A handler may run on any stack, the panic's too, so nothing here is
 * large.
 */
#include "kernel/trap.h"

#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/watchdog.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/gdt.h"
#include "kernel/x86/idt.h"
#include "kernel/x86/percpu.h"

/* SDM 3, table 6-1; the last three are AMD's (APM 2, 8.2). Eight a block. */
static const char *const names[VECTOR_EXCEPTIONS] = {
    "divide error", "debug exception", "non-maskable interrupt", "breakpoint",
    "overflow", "bound range exceeded", "invalid opcode", "device not available",

    "double fault", NULL, "invalid TSS", "segment not present",
    "stack-segment fault", "general protection fault", "page fault", NULL,

    "x87 floating-point error", "alignment check", "machine check", "SIMD floating-point error",
    "virtualisation exception", "control-protection exception", NULL, NULL,

    NULL, NULL, NULL, NULL,
    "hypervisor injection exception", "VMM communication exception", "security exception", NULL,
};

const char *trap_name(uint64_t vector)
{
    return vector < VECTOR_EXCEPTIONS && names[vector] != NULL ? names[vector] : "reserved exception";
}

void trap_init(void)
{
    static struct percpu boot_cpu;
    /* First: everything below finds its CPU through GS. Then features, because cpu_init sets only bits that exist. */
    percpu_use(&boot_cpu);
    cpu_detect();
    cpu_init();
    gdt_load(&this_cpu()->segments);
    /* Last, because a gate names a selector of our own GDT. Until here boot/'s tables catch what goes wrong. */
    idt_init();
    /* Behind it, because the registers may be absent. */
    boot_cpu.microcode = cpu_microcode();
    cpu_detect_errata(boot_cpu.microcode);
}

void trap_use_stacks(void)
{
    gdt_set_interrupt_stacks(&this_cpu()->segments, this_cpu()->interrupt_stack_tops);
    idt_use_interrupt_stacks();
}

void trap_init_cpu(struct percpu *cpu)
{
    percpu_use(cpu);
    cpu_init();
    gdt_load(&cpu->segments);
    /*
     * The TSS's stacks before the table that uses them: its gates have IST numbers since the boot CPU took its stacks.
     */
    trap_use_stacks();
    idt_load();
    cpu->microcode = cpu_microcode();
}

static void recover(struct trap_frame *frame, struct recovery *recovery)
{
    recovery->vector = frame->vector;
    recovery->error = frame->error;
    recovery->fault_rip = frame->rip;
    /* Before anything here can fault: another page fault would overwrite CR2. */
    recovery->fault_address = cpu_read_cr2();
    /* Once: a fault in the code that handles the report is a bug, and a panic. */
    this_cpu()->recovery = NULL;
    frame->rip = recovery->rip;
    frame->rsp = recovery->rsp;
    /* TF would trap at the landing, DF reverse our string instructions, AC open user pages to us under SMAP. */
    frame->rflags &= ~(uint64_t)(RFLAGS_TF | RFLAGS_DF | RFLAGS_AC);
}

/* True: it was one of ours. */
static bool nmi(struct trap_frame *frame)
{
    panic_stop_if_asked();
    enum watchdog_nmi kind = watchdog_nmi();
    /* Without a recovery the call came back by itself, in the last moment. */
    if (kind == WATCHDOG_OVERDUE && this_cpu()->recovery != NULL)
        recover(frame, this_cpu()->recovery);
    return kind != WATCHDOG_FOREIGN;
}

/* NMI and machine checks come from outside: they say nothing about the code that they interrupt. */
static void exception(struct trap_frame *frame)
{
    bool from_outside = frame->vector == VECTOR_NMI || frame->vector == VECTOR_MACHINE_CHECK;
    if (frame->vector == VECTOR_NMI && nmi(frame))
        return;
    /* By its address: recover_read needs no setting up, and so works while a recovery is set, and in a panic. */
    if (!from_outside && frame->rip == vaddr_of(recover_read_access).value)
        frame->rip = vaddr_of(recover_read_fault).value;
    else if (!from_outside && this_cpu()->recovery != NULL)
        recover(frame, this_cpu()->recovery);
    else
        panic_trap(frame);
}

void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector < VECTOR_EXCEPTIONS)
        exception(frame);
    else
        irq_dispatch((uint8_t)frame->vector);
}
