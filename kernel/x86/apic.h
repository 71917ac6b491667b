/*
 * The local APIC of each CPU: interrupts between CPUs, end of interrupt, the timer. SDM 3, chapter 11.
 *
 * Owns: the mode (xAPIC by memory, x2APIC by MSR), which is the same on all CPUs, and the vectors of regs.h in it.
 * Rules: apic_init on the boot CPU before everything else here; apic_init_cpu on every other CPU before it takes
 * interrupts. Any CPU may send, handlers too.
 */
#ifndef KEEL_X86_APIC_H
#define KEEL_X86_APIC_H

#include "kernel/base/types.h"

/* Above this the destination does not fit xAPIC's 8 bits (255 is the broadcast). */
#define APIC_ID_XAPIC_MAX 254u

/* Where the registers are (one page); 0: the firmware left x2APIC on, from which there is no way back. */
struct paddr apic_registers(void);

/*
 * Chooses the mode and sets up this CPU's APIC. `registers`: apic_registers() mapped uncached, or NULL when there are
 * none. x2APIC if the firmware left it on, or `apic_id_max` needs it and the CPU has it.
 */
void apic_init(volatile void *registers, uint32_t apic_id_max);

/* The same on another CPU: masks every local interrupt, clears what firmware left in service, enables; notes its ID. */
void apic_init_cpu(void);

bool apic_is_x2apic(void);

/* End of interrupt. Not for the spurious vector. */
void apic_eoi(void);

/* Messages, as the interrupt command register takes them: SDM 3, 11.6.1. */
#define APIC_INTERRUPT  0x04000u /* | vector */
#define APIC_NMI        0x04400u
#define APIC_INIT       0x04500u
#define APIC_STARTUP    0x04600u /* | where it starts in real mode, physical address >> 12, 1 to 0x9F */
#define APIC_ALL_OTHERS 0xC0000u /* to every CPU but this one, in ACPI's tables or not; the destination means nothing */

/* Sends to one CPU. Nothing tells whether it arrived: whoever needs an answer waits for it, with a time-out. */
void apic_send(uint32_t destination, uint32_t message);

/* The timer counts bus cycles down to 0 and then interrupts with VECTOR_TIMER, once. Divisor 16. count 0: off. */
void apic_timer_start(uint32_t count);
uint32_t apic_timer_remaining(void);

/* Interrupts with VECTOR_TIMER when the TSC reaches `tsc`. Needs cpu_features()->tsc_deadline. 0: off. */
void apic_timer_deadline(uint64_t tsc);

#endif
