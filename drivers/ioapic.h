/*
 * An I/O APIC: which interrupt line goes to which CPU as which vector.
 *
 * Owns: struct ioapic over registers that the caller mapped uncached. The caller serialises (index and data register).
 */
#ifndef KEEL_DRIVERS_IOAPIC_H
#define KEEL_DRIVERS_IOAPIC_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* Bytes of its register window. */
#define IOAPIC_WINDOW_BYTES 0x20u

/* How a line signals, as in its redirection entry. Without flags: edge, active high, as ISA interrupts do. */
#define IOAPIC_ACTIVE_LOW ((uint32_t)1 << 13)
#define IOAPIC_LEVEL      ((uint32_t)1 << 15)
#define IOAPIC_MASKED     ((uint32_t)1 << 16) /* not at all; `vector` is nothing */
#define IOAPIC_NMI        ((uint32_t)4 << 8)  /* delivery mode: no vector, and always edge */

struct ioapic {
    volatile uint8_t *registers;
    uint32_t gsi_base; /* its lines are the global interrupts [gsi_base, gsi_base + line_count) */
    uint32_t line_count;
};

/* Masks every line. STATUS_NOT_FOUND: nothing answers at `registers`. */
enum status ioapic_init(struct ioapic *ioapic, volatile void *registers, uint32_t gsi_base) MUST_CHECK;

static inline bool ioapic_has(const struct ioapic *ioapic, uint32_t gsi)
{
    return gsi >= ioapic->gsi_base && gsi - ioapic->gsi_base < ioapic->line_count;
}

/*
 * Delivers `gsi` as `vector` (32..255; with IOAPIC_NMI as an NMI, and `vector` is nothing) to the CPU `apic_id`, by
 * physical destination. STATUS_INVALID: not one of its lines; STATUS_LIMIT: an APIC ID over 255, which needs interrupt
 * remapping.
 */
enum status ioapic_route(struct ioapic *ioapic, uint32_t gsi, uint8_t vector, uint32_t apic_id,
                         uint32_t flags) MUST_CHECK;

#endif
