/*
 * Segments of one CPU: a flat 64-bit code and data segment, and the task-state segment that names its spare stacks.
 *
 * Every CPU has its own, inside struct percpu: a TSS is marked busy when it is loaded, and its stacks are that CPU's.
 */
#ifndef KEEL_X86_GDT_H
#define KEEL_X86_GDT_H

#include "kernel/base/types.h"
#include "kernel/x86/descriptors.h"

/* Fills and loads the segments of this CPU; `segments` stays in use for ever. Does not touch the GS base. */
void gdt_load(struct segments *segments);

/* From the next interrupt on, gates with IST n use the stack that ends at tops[n - 1] (16-byte aligned). */
void gdt_set_interrupt_stacks(struct segments *segments, const struct vaddr tops[IST_COUNT]);

#endif
