/*
 * The adversary's voice: lines on the first serial port, each with "adversary: " in front.
 *
 * It writes to the port itself: it must work while the firmware's console must not be used, after it is gone, and
 * inside the kernel's runtime calls.
 */
#ifndef KEEL_TESTS_FIRMWARE_SERIAL_H
#define KEEL_TESTS_FIRMWARE_SERIAL_H

#include "kernel/base/types.h"

/* The text as it is, for who has another name. */
void serial_put(const char *text);

void serial_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
