/*
 * The segments of one CPU. Descriptor formats: SDM 3, 3.4.5 and 8.2.3.
 *
 *     00h  null        08h  code, 64 bits        10h  data        18h  TSS, two entries
 *
 * In 64-bit mode base and limit of code and data are not looked at; what counts is L, DPL and "present". The TSS is
 * there for its stacks alone: nothing switches tasks, and there is no ring 3 to come from.
 */
#include "kernel/x86/gdt.h"

#include "kernel/base/check.h"

/* Flat, present, ring 0, "accessed" set already so that the CPU never writes to the table. */
#define DESCRIPTOR_CODE64 0x00209B0000000000ull
#define DESCRIPTOR_DATA   0x00CF93000000FFFFull

#define DESCRIPTOR_TSS_AVAILABLE 0x0000890000000000ull /* present, 64-bit TSS */

/* CS can only be loaded by a far transfer; the other segments matter no more than that they are valid. */
static void load_selectors(void)
{
    uint64_t scratch;
    __asm__ volatile("pushq %1\n\t"
                     "leaq 1f(%%rip), %0\n\t"
                     "pushq %0\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movw %w2, %%ds\n\t"
                     "movw %w2, %%es\n\t"
                     "movw %w2, %%ss"
                     : "=&r"(scratch)
                     : "i"(SELECTOR_CODE), "r"(SELECTOR_DATA)
                     : "memory");
}

void gdt_load(struct segments *segments)
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

    struct table_pointer pointer = {sizeof(segments->gdt) - 1, vaddr_of(gdt).value};
    __asm__ volatile("lgdt %0" : : "m"(pointer) : "memory");
    load_selectors();
    /* LTR marks the descriptor busy, hence a table a CPU, in memory that can be written. */
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

void gdt_set_interrupt_stacks(struct segments *segments, const struct vaddr tops[IST_COUNT])
{
    for (unsigned i = 0; i < IST_COUNT; i++) {
        CHECK(tops[i].value % 16 == 0);
        segments->tss.interrupt_stacks[i][0] = (uint32_t)tops[i].value;
        segments->tss.interrupt_stacks[i][1] = (uint32_t)(tops[i].value >> 32);
    }
}
