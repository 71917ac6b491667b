/*
 * The block that belongs to one CPU, found through its GS base.
 *
 * Owns: struct percpu. The boot CPU's is static (kernel/trap.c); kernel/smp_start.c allocates the others'. It is never
 * freed while its CPU runs.
 * Rules: only its own CPU writes it, but for the fields under "from other CPUs", which are atomic. The kernel has no
 * user mode, so GS is ours for good and there is no SWAPGS.
 */
#ifndef KEEL_X86_PERCPU_H
#define KEEL_X86_PERCPU_H

#include "kernel/base/types.h"
#include "kernel/x86/gdt.h"
#include "kernel/x86/recover.h"

struct mm_cpu;
struct node;

struct percpu {
    struct percpu *self; /* first: GS:0 */
    uint32_t index;      /* 0: the boot CPU; dense */
    uint32_t apic_id;
    struct vaddr stack_top; /* where its own flow of control runs */
    struct vaddr interrupt_stack_tops[IST_COUNT];
    struct mm_cpu *memory;     /* mm's; set by whoever started mm on this CPU */
    const struct node *node;   /* mm/node.h; NULL: it is near no memory, or all of it */
    struct recovery *recovery; /* where a fault goes instead of a panic; NULL: nowhere */
    uint64_t interrupt_count;
    uint32_t microcode; /* its revision; 0: unknown */
    struct segments segments;

    /* from other CPUs */
    uint32_t work_pending; /* kernel/smp.c: run the posted work */
    uint32_t tlb_pending;  /* port.c: forget the posted range */
    uint32_t stopped;      /* this CPU saw a panic elsewhere and halted */
};

/* Makes `cpu` the block of the CPU that executes this. The first thing that it does in the kernel. */
void percpu_use(struct percpu *cpu);

static inline struct percpu *this_cpu(void)
{
    struct percpu *cpu;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

static inline unsigned cpu_index(void)
{
    return this_cpu()->index;
}

#endif
