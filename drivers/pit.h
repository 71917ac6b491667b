/*
 * The PIT (Intel 8254, order 231164): the counter of last resort, and a tick that needs no other timer.
 *
 * Owns: its channels 0 and 2, and the gate of channel 2 (port 61h of the PC/AT). On newer laptops its clock may be
 * stopped: it then counts nothing and ticks never.
 */
#ifndef KEEL_DRIVERS_PIT_H
#define KEEL_DRIVERS_PIT_H

#include "kernel/base/types.h"

#define PIT_HZ           1193182u
#define PIT_COUNTER_MASK 0xFFFFu
#define PIT_TICK_IRQ     0u /* ISA line of channel 0 */

/* Channel 2 counts from here on, modulo PIT_COUNTER_MASK + 1. Upwards, as pit_counter tells it. */
void pit_start_counter(void);
uint64_t pit_counter(void);

/* Channel 0: an edge on PIT_TICK_IRQ every 65,536 counts (55 ms), for ever. */
void pit_start_ticks(void);

#endif
