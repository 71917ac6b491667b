/* The segments of one CPU. Descriptor formats: SDM 3, 3.4.5 and 8.2.3. */
#include "kernel/x86/gdt.h"

#include "kernel/base/check.h"

/* Flat, present, ring 0, "accessed" set already so that the CPU never writes to the table. */
#define DESCRIPTOR_CODE64 0x00209B0000000000ull
#define DESCRIPTOR_DATA   0x00CF93000000FFFFull

#define DESCRIPTOR_TSS_AVAILABLE 0x0000890000000000ull /* present, 64-bit TSS */

struct PACKED table_pointer {
    uint16_t limit;
    uint64_t base;
};

/* The TSS's descriptor takes two entries; the base is scattered over both. */
static void describe_tss(uint64_t entries[2], const struct tss *tss)
{
    uint64_t base = vaddr_of(tss).value;
    uint64_t limit = sizeof(*tss) - 1;
    entries[0] = DESCRIPTOR_TSS_AVAILABLE | limit | (base & 0x00FFFFFF) << 16 | (base & 0xFF000000) << 32;
    entries[1] = base >> 32;
}

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
    segments->gdt[SELECTOR_NULL / 8] = 0;
    segments->gdt[SELECTOR_CODE / 8] = DESCRIPTOR_CODE64;
    segments->gdt[SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
    describe_tss(&segments->gdt[SELECTOR_TSS / 8], &segments->tss);
    segments->tss.io_map_offset = sizeof(segments->tss);

    struct table_pointer pointer = {sizeof(segments->gdt) - 1, vaddr_of(segments->gdt).value};
    __asm__ volatile("lgdt %0" : : "m"(pointer) : "memory");
    load_selectors();
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

void gdt_set_interrupt_stack(struct segments *segments, unsigned ist, struct vaddr top)
{
    CHECK(ist >= 1);
    CHECK(ist <= ARRAY_COUNT(segments->tss.interrupt_stacks));
    CHECK(top.value % 16 == 0);
    segments->tss.interrupt_stacks[ist - 1][0] = (uint32_t)top.value;
    segments->tss.interrupt_stacks[ist - 1][1] = (uint32_t)(top.value >> 32);
}
