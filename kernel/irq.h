/*
 * Interrupts: which function serves which vector.
 *
 * Owns: the vectors from VECTOR_DEVICE_FIRST on and the handler of each.
 * Rules: a handler runs on the CPU that was interrupted, interrupts off, does a few instructions' worth of work,
 * allocates nothing, prints nothing. End of interrupt is sent here, after the handler.
 */
#ifndef KEEL_KERNEL_IRQ_H
#define KEEL_KERNEL_IRQ_H

#include "kernel/base/types.h"

typedef void irq_handler(void *context);

/* A free device vector, or 0 when all are taken. Boot CPU only. */
uint8_t irq_allocate(void);

/* From here on `vector` calls handler(context). Registered once, never taken back. */
void irq_register(uint8_t vector, irq_handler *handler, void *context);

/* From kernel/trap.c. */
void irq_dispatch(uint8_t vector);

/* Interrupts so far that nobody had registered for; for the monitor. */
uint64_t irq_unexpected_count(void);

#endif
