/*
 * Segments of one CPU: a flat 64-bit code and data segment, and the task-state segment that names its spare stacks.
 *
 * Every CPU has its own, inside struct percpu: a TSS is marked busy when it is loaded, and its stacks are that CPU's.
 */
#ifndef KEEL_X86_GDT_H
#define KEEL_X86_GDT_H

#include "kernel/base/types.h"
#include "kernel/x86/regs.h"

/* SDM 3, figure 8-11. The 64-bit fields are not 8-byte aligned, hence halves. */
struct tss {
    uint32_t reserved0;
    uint32_t privilege_stacks[6];
    uint32_t reserved1[2];
    uint32_t interrupt_stacks[7][2]; /* IST 1 to 7: low and high half of the top of the stack */
    uint32_t reserved2[2];
    uint16_t reserved3;
    uint16_t io_map_offset;          /* beyond the limit: no port is open to user code, of which there is none */
};
_Static_assert(sizeof(struct tss) == 104, "SDM 3, figure 8-11");

/* What LGDT and LIDT load: SDM 3, figure 2-6. */
struct PACKED table_pointer {
    uint16_t limit;
    uint64_t base;
};

#define GDT_ENTRIES 5u /* null, code, data, TSS in two */

struct segments {
    uint64_t gdt[GDT_ENTRIES];
    struct tss tss;
};

/* Fills and loads the segments of this CPU; `segments` stays in use for ever. Does not touch the GS base. */
void gdt_load(struct segments *segments);

/* From the next interrupt on, gates with IST n use the stack that ends at tops[n - 1] (16-byte aligned). */
void gdt_set_interrupt_stacks(struct segments *segments, const struct vaddr tops[IST_COUNT]);

#endif
