/* The table of 256 gates. Format: SDM 3, figure 6-8. */
#include "kernel/x86/idt.h"

#include "kernel/x86/gdt.h"

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

static ALIGNED(16) struct gate gates[IDT_VECTORS];

void idt_init(void)
{
    for (uint32_t vector = 0; vector < IDT_VECTORS; vector++) {
        uint64_t stub = vaddr_of(vector_stubs).value + vector * IDT_STUB_BYTES;
        gates[vector] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = SELECTOR_CODE,
            .flags = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
    idt_load();
}

void idt_load(void)
{
    struct table_pointer pointer = {sizeof(gates) - 1, vaddr_of(gates).value};
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

/*
 * Page faults stay on the current stack: recover_read faults on purpose while another trap is being handled, and a
 * second frame on the same spare stack would overwrite the first. When the current stack is what overflowed, pushing
 * the page fault's frame fails too, and the double fault that follows has a stack of its own.
 */
void idt_use_interrupt_stacks(void)
{
    gates[VECTOR_DOUBLE_FAULT].flags = GATE_INTERRUPT | IST_DOUBLE_FAULT;
    gates[VECTOR_NMI].flags = GATE_INTERRUPT | IST_NMI;
    gates[VECTOR_MACHINE_CHECK].flags = GATE_INTERRUPT | IST_MACHINE_CHECK;
}

void idt_remove(uint8_t vector)
{
    /* The CPU reads gates from memory at every trap: no reload is needed. */
    gates[vector].flags &= (uint16_t)~GATE_PRESENT;
}

void idt_triple_fault(void)
{
    struct table_pointer nothing = {0};
    __asm__ volatile("lidt %0\n\tint3" : : "m"(nothing) : "memory");
    __builtin_unreachable();
}
