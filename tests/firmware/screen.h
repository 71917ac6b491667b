/*
 * A false screen: what HandleProtocol gives the kernel for the graphics protocol is a copy of the firmware's with
 * changed fields. The firmware goes on drawing on its own.
 */
#ifndef KEEL_TESTS_FIRMWARE_SCREEN_H
#define KEEL_TESTS_FIRMWARE_SCREEN_H

#include "kernel/base/types.h"

/* No handle has the protocol. */
void screen_remove(void);

/* base, bytes, width, height, pitch (pixels), format (12.9.2), red, green, blue. False: no such field. */
bool screen_set(const char *field, uint64_t value);

#endif
