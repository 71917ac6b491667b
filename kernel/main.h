/* The kernel's entry, which boot/ jumps to at its high-half address. */
#ifndef KEEL_KERNEL_MAIN_H
#define KEEL_KERNEL_MAIN_H

#include "boot/handoff.h"

/*
 * Interrupts off, the boot stack, boot/'s page tables, IDT and GDT; the image at handoff->layout.image and relocated
 * for it.
 */
NORETURN void kernel_main(const struct handoff *handoff);

#endif
