/*
 * Speaking through the firmware's console, in phase F only: printing may allocate, so it moves the map key.
 */
#ifndef KEEL_BOOT_SAY_H
#define KEEL_BOOT_SAY_H

#include "boot/efi.h"

#define SAY_TEXT_BYTES 160u /* of one line; what is longer is cut */

/* One line, "keel: " in front. A machine without a console is fine. */
void say(struct efi_system_table *system_table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Why this machine or image is refused. Returns false, so that a step can end in `return say_refusal(...)`. */
bool say_refusal(struct efi_system_table *system_table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
