/*
 * The PS/2 keyboard controller, first port only, translating to scan code set 1.
 *
 * Rules: it is often not there, and firmware's word on that is not reliable (FADT's 8042 flag is wrong in places),
 * so it is probed; every wait and every drain is bounded. One controller exists, at fixed ports, so there is no state.
 */
#ifndef KEEL_DRIVERS_I8042_H
#define KEEL_DRIVERS_I8042_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

#define I8042_KEYBOARD_IRQ 1u

/*
 * Brings the controller and the keyboard up with the keyboard's interrupt enabled. STATUS_NOT_FOUND: no controller.
 * STATUS_TIMEOUT or STATUS_DEVICE: something is there but does not answer as a controller would.
 */
enum status i8042_init(void) MUST_CHECK;

/* Takes one scan code if there is one; never waits. Bytes from a mouse are dropped. */
bool i8042_read(uint8_t *scan_code);

/* Pulses the CPU's reset line. Returns, after a bounded time, if that did nothing. */
void i8042_pulse_reset(void);

#endif
