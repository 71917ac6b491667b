/*
 * The descriptor tables of a CPU: a flat 64-bit code and data segment, and the task-state segment, which is there for
 * its stacks alone: nothing switches tasks, and there is no ring 3 to come from. boot/ (fault.c) fills tables of its
 * own in the same way, so that CS and TR survive the change to the kernel's.
 *
 *     gdt   00h  null        08h  code, 64 bits        10h  data        18h  TSS, two entries        (SDM 3, 3.4.5)
 *
 * In 64-bit mode base and limit of code and data are not looked at; what counts is L, DPL and "present".
 */
#ifndef KEEL_X86_DESCRIPTORS_H
#define KEEL_X86_DESCRIPTORS_H

#include "kernel/base/types.h"
#include "kernel/x86/regs.h"

/* Flat, present, ring 0, "accessed" set already so that the CPU never writes to the table. */
#define DESCRIPTOR_CODE64 0x00209B0000000000ull
#define DESCRIPTOR_DATA   0x00CF93000000FFFFull

#define DESCRIPTOR_TSS_AVAILABLE 0x0000890000000000ull /* present, 64-bit TSS: SDM 3, 8.2.3 */

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

/* All but the stacks. */
static inline void segments_fill(struct segments *segments)
{
    uint64_t tss = vaddr_of(&segments->tss).value;
    uint64_t *gdt = segments->gdt;
    gdt[SELECTOR_CODE / 8] = DESCRIPTOR_CODE64;
    gdt[SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
    /* Two entries, the base scattered over both. */
    gdt[SELECTOR_TSS / 8] =
        DESCRIPTOR_TSS_AVAILABLE | (sizeof(struct tss) - 1) | (tss & 0x00FFFFFF) << 16 | (tss & 0xFF000000) << 32;
    gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
    segments->tss.io_map_offset = sizeof(struct tss);
}

/* From the next interrupt on, gates with that IST (1 to 7) use the stack that ends at `top`. */
static inline void segments_set_stack(struct segments *segments, unsigned ist, uint64_t top)
{
    segments->tss.interrupt_stacks[ist - 1][0] = (uint32_t)top;
    segments->tss.interrupt_stacks[ist - 1][1] = (uint32_t)(top >> 32);
}

#define GATE_INTERRUPT 0x8E00u /* present, ring 0, 64-bit interrupt gate */
#define GATE_PRESENT   0x8000u

/* SDM 3, figure 6-8. */
struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t flags; /* type in the high byte, IST in the low */
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM 3, figure 6-8");

/* An interrupt gate to `entry`, on that stack of the TSS, or on the current one if `ist` is 0. */
static inline struct gate gate_to(uint64_t entry, unsigned ist)
{
    return (struct gate){
        .offset_low = (uint16_t)entry,
        .selector = SELECTOR_CODE,
        .flags = (uint16_t)(GATE_INTERRUPT | ist),
        .offset_middle = (uint16_t)(entry >> 16),
        .offset_high = (uint32_t)(entry >> 32),
    };
}

#endif
