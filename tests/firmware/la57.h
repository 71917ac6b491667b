/*
 * Five levels of page tables before the kernel starts, as firmware for very large machines leaves them (D62).
 *
 * Owns: the table of the fifth level, in boot-services memory, over whatever four levels are in use.
 */
#ifndef KEEL_TESTS_FIRMWARE_LA57_H
#define KEEL_TESTS_FIRMWARE_LA57_H

#include "kernel/base/types.h"

/* False: no memory below 4 GiB. A CPU without five levels is no mistake of the script: it is said, and nothing done. */
bool la57_wish(void);

/*
 * Moments: the kernel is loaded but not started, or ExitBootServices is over; it is about to be called. EDK2 sends its
 * other CPUs to their last rest in there, with four levels or never.
 */
void la57_start(void);
void la57_leave(void);

/* What CR3 must hold so that the tables of four levels at `root` are used. */
uint64_t la57_root(uint64_t root);

/* la57.asm: leaves long mode and comes back with CR4.LA57 the other way and CR3 = `root`; all of it below 4 GiB. */
void la57_toggle(uint64_t root);

#endif
