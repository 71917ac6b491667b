/* Loading the segments of one CPU: see descriptors.h for what is in them. */
#include "kernel/x86/gdt.h"

#include "kernel/base/check.h"

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
    segments_fill(segments);
    struct table_pointer pointer = {sizeof(segments->gdt) - 1, vaddr_of(segments->gdt).value};
    __asm__ volatile("lgdt %0" : : "m"(pointer) : "memory");
    load_selectors();
    /* LTR marks the descriptor busy, hence a table a CPU, in memory that can be written. */
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

void gdt_set_interrupt_stacks(struct segments *segments, const struct vaddr tops[IST_COUNT])
{
    for (unsigned i = 0; i < IST_COUNT; i++) {
        CHECK(tops[i].value % 16 == 0);
        segments_set_stack(segments, i + 1, tops[i].value);
    }
}
