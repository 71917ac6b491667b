/*
 * The watchdog of Intel's ICH9 south bridge (QEMU's q35 has it): unlike the firmware's own it goes on counting after
 * the exit. Its timer runs out twice before it resets the machine.
 *
 * QEMU resets only with -global ICH9-LPC.noreboot=off, which is a strap on real boards.
 */
#ifndef KEEL_TESTS_FIRMWARE_TCO_H
#define KEEL_TESTS_FIRMWARE_TCO_H

#include "kernel/base/types.h"

/* A reset in about so many seconds, 5 to 1200. False: too few, too many, or no such south bridge in use. */
bool tco_arm(uint64_t seconds);

/* No reset, if it was armed. Works after the exit. */
void tco_disarm(void);

#endif
