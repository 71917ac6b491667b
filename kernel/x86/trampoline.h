/*
 * The page below 1 MiB in which other CPUs wake: from real mode to the kernel in one jump.
 *
 * Owns: the code (trampoline.asm) and the words that it shares with kernel/smp_start.c: who may come, who came, and
 * whether it is too late. Each CPU finds its APIC ID in the list, claims that entry with a compare-exchange (so an ID
 * comes once), draws a number with one atomic add, and takes the block of that number: the numbers of the CPUs that
 * came are dense. A CPU that is not listed, or too late, halts with interrupts off.
 *
 * The page is written through `page`, an ordinary mapping; it is executed at its physical address, which the kernel's
 * tables map 1:1, read and execute, only while CPUs start.
 */
#ifndef KEEL_X86_TRAMPOLINE_H
#define KEEL_X86_TRAMPOLINE_H

#include "kernel/base/types.h"
#include "kernel/x86/percpu.h"

/* State of one listed ID. */
enum trampoline_state {
    TRAMPOLINE_AWAITED = 0, /* may come: set by the starter */
    TRAMPOLINE_CLAIMED = 1, /* came: set by the CPU itself, final */
    TRAMPOLINE_HELD = 2,    /* may not come now: set by the starter, who is about to send it INIT */
};

/* Read by the CPUs that start, by offset (trampoline.asm). Lives in the kernel, not in the page. */
struct trampoline_plan {
    const uint32_t *apic_ids;
    uint32_t *states;            /* enum trampoline_state of each, atomic */
    uint64_t count;
    struct percpu **blocks;      /* block of number 1 at [0] */
    void (*entry)(struct percpu *cpu); /* on cpu->stack_top, interrupts off, GDT and IDT still the trampoline's */
    uint32_t *left;              /* the page's counter of CPUs that no longer need it */
    uint32_t drawn;              /* numbers given out so far, atomic */
    uint32_t reserved;
};
_Static_assert(offsetof(struct trampoline_plan, states) == 8, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, count) == 16, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, blocks) == 24, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, entry) == 32, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, left) == 40, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, drawn) == 48, "trampoline.asm");
_Static_assert(offsetof(struct percpu, stack_top) == 16, "trampoline.asm");

/* In trampoline.asm: the code to copy, and places in it. */
extern const uint8_t trampoline_start[];
extern const uint8_t trampoline_gdt[];
extern const uint8_t trampoline_protected[];
extern const uint8_t trampoline_long[];
extern const uint8_t trampoline_words[];
extern const uint8_t trampoline_end[];

/*
 * Copies the code to `page` and opens it. `physical` is the page's address below 1 MiB; the root of the tables in
 * force on this CPU must lie below 4 GiB, since 32-bit code loads CR3. `plan` stays alive for ever: a late CPU reads
 * it.
 */
void trampoline_open(void *page, struct paddr physical, struct trampoline_plan *plan);

/* From here on a CPU that enters halts in real mode. True once no CPU is between the door and the kernel. */
bool trampoline_close(void *page);

#endif
