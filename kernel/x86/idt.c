/* The table of 256 gates. Format: SDM 3, figure 6-8. */
#include "kernel/x86/idt.h"

#include "kernel/x86/regs.h"

#define IDT_VECTORS    256u
#define GATE_INTERRUPT 0x8E00u /* present, ring 0, 64-bit interrupt gate */
#define GATE_PRESENT   0x8000u

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t flags; /* type in the high byte, IST in the low */
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM 3, figure 6-8");

struct PACKED table_pointer {
    uint16_t limit;
    uint64_t base;
};

static ALIGNED(16) struct gate gates[IDT_VECTORS];

static struct gate gate_to(uint64_t target)
{
    return (struct gate){
        .offset_low = (uint16_t)target,
        .selector = SELECTOR_CODE,
        .flags = GATE_INTERRUPT,
        .offset_middle = (uint16_t)(target >> 16),
        .offset_high = (uint32_t)(target >> 32),
    };
}

void idt_init(void)
{
    uint64_t stubs = (uint64_t)(uintptr_t)vector_stubs;
    for (uint32_t vector = 0; vector < IDT_VECTORS; vector++)
        gates[vector] = gate_to(stubs + vector * IDT_STUB_BYTES);
    idt_load();
}

void idt_load(void)
{
    struct table_pointer pointer = {sizeof(gates) - 1, (uint64_t)(uintptr_t)gates};
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

static void set_ist(uint32_t vector, uint32_t ist)
{
    gates[vector].flags = (uint16_t)(GATE_INTERRUPT | ist);
}

/*
 * Page faults stay on the current stack: recover_read faults on purpose while another trap is being handled, and a
 * second frame on the same spare stack would overwrite the first. When the current stack is what overflowed, pushing
 * the page fault's frame fails too, and the double fault that follows has a stack of its own.
 */
void idt_use_interrupt_stacks(void)
{
    set_ist(VECTOR_DOUBLE_FAULT, IST_DOUBLE_FAULT);
    set_ist(VECTOR_NMI, IST_NMI);
    set_ist(VECTOR_MACHINE_CHECK, IST_MACHINE_CHECK);
}

void idt_remove(uint8_t vector)
{
    gates[vector].flags &= (uint16_t)~GATE_PRESENT;
}
