/*
 * The boot watchdog (7.5.1). EDK2's ends with its timer in the exit, so a kernel that forgets it would get away with it
 * here; machines with one in hardware reset. So the south bridge's (tco.h) is armed with it: SetWatchdogTimer(0) halts
 * both, and who forgets is said at the exit and reset when the time is up.
 */
#ifndef KEEL_TESTS_FIRMWARE_WATCHDOG_H
#define KEEL_TESTS_FIRMWARE_WATCHDOG_H

#include "kernel/base/types.h"

/* Arms them, as a boot manager does. False: the firmware has none, or the machine, or not for that long (tco.h). */
bool watchdog_arm(uint64_t seconds);

/* At the exit. */
void watchdog_look(void);

#endif
