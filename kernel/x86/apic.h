/*
 * The local APIC of each CPU: interrupts between CPUs, end of interrupt, the timer. SDM 3, chapter 11.
 *
 * Owns: the mode (xAPIC by memory, x2APIC by MSR), which is the same on all CPUs, and the vectors of regs.h in it.
 * Rules: apic_init on the boot CPU before everything else here; apic_init_cpu on every other CPU before it takes
 * interrupts. Sending may be done on any CPU, with interrupts off where a handler sends too (the two ICR halves).
 */
#ifndef KEEL_X86_APIC_H
#define KEEL_X86_APIC_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* Above this the destination does not fit xAPIC's 8 bits (255 is the broadcast). */
#define APIC_ID_XAPIC_MAX 254u

/* Where the registers are (one page); meaningless once x2APIC is on. */
struct paddr apic_registers(void);

/* The firmware left x2APIC on: there is no way back, and the registers are not in memory. */
bool apic_x2apic_enabled(void);

/*
 * Chooses the mode and sets up this CPU's APIC. `registers`: apic_registers() mapped uncached, or NULL when
 * apic_x2apic_enabled(). x2APIC if the firmware left it on or `apic_id_max` needs it. STATUS_UNSUPPORTED: it needs it
 * and the CPU has none; the APIC then works for the IDs that fit.
 */
enum status apic_init(volatile void *registers, uint32_t apic_id_max);

/* The same on another CPU: masks every local interrupt, clears what firmware left in service, enables. */
void apic_init_cpu(void);

bool apic_is_x2apic(void);

/* Of the CPU that asks. */
uint32_t apic_id(void);

/* End of interrupt. Not for the spurious vector. */
void apic_eoi(void);

/* Sends to one CPU. STATUS_TIMEOUT: the bus did not accept it (xAPIC only). */
enum status apic_send_interrupt(uint32_t destination, uint8_t vector);
enum status apic_send_nmi(uint32_t destination);
enum status apic_send_init(uint32_t destination);
/* `page_number`: where it starts in real mode, physical address >> 12, 1 to 0x9F. */
enum status apic_send_startup(uint32_t destination, uint8_t page_number);

/* Sends to every CPU but this one, listed in ACPI's tables or not. */
enum status apic_broadcast_init(void);
enum status apic_broadcast_startup(uint8_t page_number);

/* The timer counts bus cycles down to 0 and then interrupts with VECTOR_TIMER, once. Divisor 16. count 0: off. */
void apic_timer_start(uint32_t count);
uint32_t apic_timer_remaining(void);

/* Interrupts with VECTOR_TIMER when the TSC reaches `tsc`. Needs cpu_features()->tsc_deadline. 0: off. */
void apic_timer_deadline(uint64_t tsc);

#endif
