/* A verdict for whoever runs this kernel in QEMU, by its isa-debug-exit device. */
#ifndef KEEL_X86_DEBUG_EXIT_H
#define KEEL_X86_DEBUG_EXIT_H

#include "kernel/base/types.h"

/* QEMU's exit status is 2 * value + 1; image/machine.py knows the numbers. */
#define DEBUG_EXIT_TESTS_FAILED 0x10u
#define DEBUG_EXIT_PANIC        0x18u

/* Ends QEMU. Returns on every other machine, whose ports it leaves alone, and in a QEMU without the device. */
void debug_exit(uint8_t value);

#endif
