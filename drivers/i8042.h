/*
 * The PS/2 keyboard controller, first port only, translating to scan code set 1 where it can.
 *
 * Owns: struct i8042: how the one controller works, and the exchange with the keyboard that sets its lights.
 * Rules: it is often not there, and firmware's word on that is not reliable (FADT's 8042 flag is wrong in places),
 * so it is probed; every wait and every drain is bounded. Where firmware emulates it for a USB keyboard, it goes when
 * the USB controller is taken over: probe after that.
 */
#ifndef KEEL_DRIVERS_I8042_H
#define KEEL_DRIVERS_I8042_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

#define I8042_KEYBOARD_IRQ 1u

struct i8042 {
    bool translated;   /* the bytes are of set 1; else of set 2 */
    uint8_t port_test; /* what the test of the port said: 0 good or nothing, 1 to 4 a line of it is stuck */
    uint8_t lights;    /* being set ... */
    uint8_t step;      /* ... and how far that is */
    uint8_t answer;    /* of the keyboard to that, noted by i8042_read, or that it has just started; 0: none yet */
};

/*
 * Brings the controller and the keyboard up with the keyboard's interrupt enabled. STATUS_NOT_FOUND: no controller.
 * STATUS_TIMEOUT or STATUS_DEVICE: something is there but does not answer as a controller would.
 */
enum status i8042_init(struct i8042 *i8042) MUST_CHECK;

/* Takes one scan code if there is one; never waits. Bytes from a mouse are dropped. */
bool i8042_read(struct i8042 *i8042, uint8_t *scan_code);

/*
 * One step on the way to these lights (bits as keymap.h has locks). To be called until it returns true, when the
 * keyboard has said yes to all; each step needs i8042_read to have seen the keyboard's answer to the one before, and
 * keys that come in between are lost to nobody. Not in interrupt handlers: it may wait for the controller.
 */
bool i8042_set_lights(struct i8042 *i8042, uint8_t lights);

/* Pulses the CPU's reset line. Returns, after a bounded time, if that did nothing. */
void i8042_pulse_reset(void);

#endif
