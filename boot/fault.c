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
#include "kernel/x86/regs.h"

/* SDM volume 3, 3.4.5: present, DPL 0; code: execute/read, 64-bit; data: read/write. Base and limit do not matter. */
#define DESCRIPTOR_CODE 0x00AF9A000000FFFFull
#define DESCRIPTOR_DATA 0x00CF92000000FFFFull
/* SDM volume 3, 8.2.3: an available 64-bit TSS, present; and 6.14.1: a present interrupt gate. */
#define DESCRIPTOR_TSS  0x0000890000000000ull
#define GATE_INTERRUPT  0x00008E0000000000ull
#define GATE_STACK      1ull /* of the interrupt stack table; bits 34:32 of a gate */

/* SDM volume 3, figure 8-11. */
struct task_state {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_base; /* at the limit: no map */
} PACKED;
_Static_assert(sizeof(struct task_state) == 104, "SDM volume 3, figure 8-11");

/* The operand of LGDT and LIDT: SDM volume 3, figure 2-6. */
struct table_pointer {
    uint16_t limit;
    uint64_t base;
} PACKED;

void fault_load_tables(const struct table_pointer *gdt, const struct table_pointer *idt);

_Static_assert(FAILURE_FAULT == 5, "fault.asm");

static struct task_state task_state;
static uint64_t descriptors[5]; /* null, code, data, and the TSS's two */

static void set_gate(unsigned vector, const void *entry)
{
    uint64_t address = (uint64_t)(uintptr_t)entry;
    buffers_idt[vector][0] = (address & 0xFFFF) | (uint64_t)SELECTOR_CODE << 16 | GATE_STACK << 32 | GATE_INTERRUPT |
                             (address & 0xFFFF0000) << 32;
    buffers_idt[vector][1] = address >> 32;
}

static void set_descriptors(void)
{
    uint64_t base = (uint64_t)(uintptr_t)&task_state;
    task_state.ist[GATE_STACK - 1] = (uint64_t)(uintptr_t)buffers_fault_stack + BUFFERS_FAULT_STACK_BYTES;
    task_state.io_map_base = sizeof(task_state);
    descriptors[SELECTOR_CODE / 8] = DESCRIPTOR_CODE;
    descriptors[SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
    descriptors[SELECTOR_TSS / 8] = DESCRIPTOR_TSS | (sizeof(task_state) - 1) | (base & 0xFFFFFF) << 16 |
                                    (base >> 24 & 0xFF) << 56;
    descriptors[SELECTOR_TSS / 8 + 1] = base >> 32;
}

void fault_install(void)
{
    set_descriptors();
    for (unsigned vector = 0; vector < BUFFERS_IDT_ENTRIES; vector++) {
        /*
         * An NMI says nothing about the code that it interrupted: firmware's watchdogs and performance counters send
         * them.
         */
        bool exception = vector < FAULT_ENTRIES && vector != VECTOR_NMI;
        set_gate(vector, exception ? fault_entries[vector] : fault_interrupt);
    }
    struct table_pointer gdt = {sizeof(descriptors) - 1, (uint64_t)(uintptr_t)descriptors};
    struct table_pointer idt = {BUFFERS_IDT_ENTRIES * 16 - 1, (uint64_t)(uintptr_t)buffers_idt};
    fault_load_tables(&gdt, &idt);
}
