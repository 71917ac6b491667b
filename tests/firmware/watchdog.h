/*
 * The boot watchdog (7.5.1). EDK2's ends with its timer in the exit, so a kernel that forgets it would get away with it
 * here; machines with one in hardware reset. So it is said at the exit when it is still armed.
 */
#ifndef KEEL_TESTS_FIRMWARE_WATCHDOG_H
#define KEEL_TESTS_FIRMWARE_WATCHDOG_H

#include "kernel/base/types.h"

/* Arms it, as a boot manager does. False: the firmware has none. */
bool watchdog_arm(uint64_t seconds);

/* At the exit. */
void watchdog_look(void);

#endif
