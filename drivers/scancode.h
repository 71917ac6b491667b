/*
 * The bytes of a PS/2 keyboard as events of the keys at USB's places.
 *
 * Set 1: a byte for each key going down, the same with bit 7 for it going up, E0 before keys that the first PC did not
 * have. Set 2: other numbers, and F0 before the byte of a key going up. A keyboard sends set 2; its controller makes
 * set 1 of it, unless it cannot, and then it is done here.
 *
 *     set 2  F0 1C  --- as the controller would --->  9E  set 1  ---> {usage 04h (A), up}
 *
 * Owns: struct scancode, where one keyboard stands in a sequence.
 * Rules: pure; any byte stream is safe.
 */
#ifndef KEEL_DRIVERS_SCANCODE_H
#define KEEL_DRIVERS_SCANCODE_H

#include "drivers/keymap.h"

struct scancode {
    bool set_2;         /* the bytes are not translated */
    bool extended;      /* an E0 came */
    bool released;      /* set 2: an F0 came */
    bool shift_down;    /* the left one: tells its going up from a keyboard that starts */
    uint8_t pause_left; /* bytes of an E1 sequence still to come */
};

/*
 * Takes one byte; true: *event is complete. USAGE_ROLL_OVER down: bytes were lost, or the keyboard has just started.
 * *scancode starts zeroed but for set_2.
 */
bool scancode_feed(struct scancode *scancode, uint8_t byte, struct key_event *event);

#endif
