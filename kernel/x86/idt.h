/*
 * The interrupt descriptor table: one for all CPUs, all 256 vectors, each to its stub in vectors.asm.
 *
 * Every gate is an interrupt gate (interrupts off on entry). The stubs lead to trap_dispatch (kernel/trap.c).
 */
#ifndef KEEL_X86_IDT_H
#define KEEL_X86_IDT_H

#include "kernel/base/types.h"

/* In vectors.asm: 256 stubs, each of this size. */
#define IDT_STUB_BYTES 8u
extern const uint8_t vector_stubs[];

/* Fills the table and loads it. Until idt_use_interrupt_stacks every trap stays on the stack that it interrupts. */
void idt_init(void);

/* Loads the filled table on another CPU. */
void idt_load(void);

/* #DF, NMI and #MC go to their own stacks from here on. Every CPU that runs has set its three (gdt.h). */
void idt_use_interrupt_stacks(void);

/*
 * An empty table, and a trap: there is no gate for it, nor for the double fault that follows, and the CPU shuts down
 * (SDM 3, 6.15), which every PC's chip set answers with a reset. Interrupts are off.
 */
NORETURN void idt_triple_fault(void);

/* Marks a vector's gate not present; the next such trap becomes a double fault. For the monitor's `fault double`. */
void idt_remove(uint8_t vector);

#endif
