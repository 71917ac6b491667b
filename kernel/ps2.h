/* The keyboard behind the i8042, as one of kernel/keyboard.h's. */
#ifndef KEEL_KERNEL_PS2_H
#define KEEL_KERNEL_PS2_H

#include "kernel/base/status.h"

/*
 * Brings it up and adds it. Errors as i8042_init. After USB controllers were taken from the firmware, which stops
 * emulating an i8042 then, and once.
 */
enum status ps2_start(void) MUST_CHECK;

#endif
