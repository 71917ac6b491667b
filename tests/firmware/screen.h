/*
 * A false screen: what HandleProtocol gives the kernel for the graphics protocol is a copy of the firmware's with
 * changed fields, whose modes can be refused, and with a panel of our own behind it. The firmware goes on drawing on
 * its own.
 */
#ifndef KEEL_TESTS_FIRMWARE_SCREEN_H
#define KEEL_TESTS_FIRMWARE_SCREEN_H

#include "kernel/base/types.h"

/* No handle has the protocol. */
void screen_remove(void);

/* base, bytes, width, height, pitch (pixels), format (12.9.2), red, green, blue. False: no such field. */
bool screen_set(const char *field, uint64_t value);

/* The handle also has EFI_EDID_ACTIVE, of a panel of that size; `damaged`: its checksum is wrong. */
void screen_panel(uint32_t width, uint32_t height, bool damaged);

/* How SetMode misbehaves: "fails"; "deaf", it only says that it worked; "blt-only", its mode cannot be drawn on. */
bool screen_set_mode(const char *how);

#endif
