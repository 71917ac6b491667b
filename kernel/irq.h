/*
 * Interrupts: which function serves which vector.
 *
 * Owns: the handler of each vector from 32 on; kernel/x86/regs.h says which are in use.
 * Rules: a handler runs on the CPU that was interrupted, interrupts off, does a few instructions' worth of work,
 * allocates nothing, prints nothing. End of interrupt is sent here, after the handler.
 */
#ifndef KEEL_KERNEL_IRQ_H
#define KEEL_KERNEL_IRQ_H

#include "kernel/base/types.h"

typedef void irq_handler(void);

/* From here on `vector` calls the handler. Registered once, never taken back. */
void irq_register(uint8_t vector, irq_handler *handler);

/* From kernel/trap.c. */
void irq_dispatch(uint8_t vector);

#endif
