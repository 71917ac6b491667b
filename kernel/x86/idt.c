/* The table of 256 gates. */
#include "kernel/x86/idt.h"

#include "kernel/x86/descriptors.h"

#define IDT_VECTORS 256u

static ALIGNED(16) struct gate gates[IDT_VECTORS];

void idt_init(void)
{
    for (uint32_t vector = 0; vector < IDT_VECTORS; vector++)
        gates[vector] = gate_to(vaddr_of(vector_stubs).value + vector * IDT_STUB_BYTES, 0);
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
