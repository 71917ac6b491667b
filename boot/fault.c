/*
 * The descriptor tables of phase N: see fault.h.
 *
 *     vector   0-31  exceptions   fault_entries[vector], 16 bytes each: to failure_halt, or back out of fault_contain
 *                2   NMI          fault_interrupt: dropped
 *             32-255 interrupts   fault_interrupt: dropped
 *
 * Why tables of our own at all: the firmware's lie in boot-services memory, and its handlers print on a console that is
 * gone. Ours print, or bring a faulting SetVirtualAddressMap back.
 */
#include "boot/fault.h"

#include "boot/buffers.h"
#include "boot/failure.h"
#include "kernel/x86/descriptors.h"

#define FAULT_STACK 1u /* of the interrupt stack table, for all gates */

void fault_load_tables(const struct table_pointer *gdt, const struct table_pointer *idt);

_Static_assert(FAILURE_FAULT == 5, "fault.asm");

static struct segments segments;

void fault_install(void)
{
    segments_fill(&segments);
    segments_set_stack(&segments, FAULT_STACK, vaddr_of(buffers_fault_stack).value + BUFFERS_FAULT_STACK_BYTES);
    for (unsigned vector = 0; vector < BUFFERS_IDT_ENTRIES; vector++) {
        /*
         * An NMI says nothing about the code that it interrupted: firmware's watchdogs and performance counters send
         * them.
         */
        bool exception = vector < FAULT_ENTRIES && vector != VECTOR_NMI;
        buffers_idt[vector] = gate_to(vaddr_of(exception ? fault_entries[vector] : fault_interrupt).value, FAULT_STACK);
    }
    struct table_pointer gdt = {sizeof(segments.gdt) - 1, vaddr_of(segments.gdt).value};
    struct table_pointer idt = {sizeof(buffers_idt) - 1, vaddr_of(buffers_idt).value};
    fault_load_tables(&gdt, &idt);
}
