/*
 * The power button: a press asks on the console, and then turns the machine off.
 *
 * Owns: VECTOR_SCI, and what its handler has noticed.
 * Rules: the handler notices and no more; the monitor acts on it between two keys. Nobody may be there to answer, and
 * the keyboard may not work, so no answer means off; whoever pressed by mistake presses any key.
 */
#ifndef KEEL_KERNEL_BUTTON_H
#define KEEL_KERNEL_BUTTON_H

#include "kernel/base/types.h"

/* Listens to the button, after machine_quiesce. A machine where that is not possible says so at log=debug. */
void button_start(void);

/*
 * Whether button_serve has something to do. With interrupts off until the CPU sleeps, no press is missed in between.
 */
bool button_waits(void);

/* Asks, and turns the machine off; returns when it stays on. Interrupts on. */
void button_serve(void);

#endif
