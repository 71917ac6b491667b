/*
 * Speaking through the firmware's console, in phase F only: printing may allocate, so it moves the map key.
 *
 * The two macros put the format into an array, which lies in .bootr and is given back with the rest of boot/; a literal
 * would lie in .rdata for ever.
 */
#ifndef KEEL_BOOT_SAY_H
#define KEEL_BOOT_SAY_H

#include "boot/efi.h"

#define SAY_LINE_CHARACTERS 160u /* what is longer is cut */

/* One line, "keel: " in front. A machine without a console is fine. */
#define say(system_table, text, ...)                       \
    ({                                                     \
        static const char say_format[] = "keel: " text;    \
        say_line(system_table, say_format, ##__VA_ARGS__); \
    })

/* Why this machine or image is refused. Its value is false, so that a step can end in `return say_refusal(...)`. */
#define say_refusal(system_table, text, ...)                     \
    ({                                                           \
        say(system_table, "cannot start: " text, ##__VA_ARGS__); \
        false;                                                   \
    })

/* What say becomes. */
void say_line(struct efi_system_table *system_table, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
