/*
 * All keyboards of the machine as one: PS/2 and USB ones side by side, plugged in and pulled out at any time.
 *
 *     drivers/i8042.c -> scancode.c -> ps2.c --+                    +--> keymap.c --> ring --> keyboard_read_key
 *                                              +--> keyboard_event -+--> what is down, what repeats
 *     USB keyboards ---------------------------+                    '--> locks --> set_lights of every keyboard
 *     the serial line, by escape.c, which makes keys at once: keyboard_type --> ring
 *
 * Owns: which keys are down on which keyboard, the modifiers and the three locks that all share, the layout, key
 * repeat, and the ring of keys. A key repeats 500 ms after it went down, 30 times a second, whoever sent it: what a
 * PS/2 keyboard repeats by itself is ignored.
 * Rules: on the boot CPU only, where the interrupts of keyboards are routed and the monitor runs, so interrupts off is
 * lock enough. keyboard_event may be called in an interrupt handler; adding, removing and lights are not for handlers.
 */
#ifndef KEEL_KERNEL_KEYBOARD_H
#define KEEL_KERNEL_KEYBOARD_H

#include "drivers/keymap.h"

/* One keyboard; the caller's, who fills the first three and zeroes the rest. It stays where it is while added. */
struct keyboard {
    const char *name; /* for people: "PS/2"; NULL: the serial line, which is no keyboard to them */

    /*
     * Takes one thing from the device and tells keyboard_event or keyboard_type. False: there was nothing. Interrupts
     * are off. NULL: the owner calls.
     */
    bool (*poll)(struct keyboard *keyboard);

    /*
     * Makes the lights those of `locks` (LOCK_NUM, ...). False: not yet; it is called again soon, until it returns true
     * or half a second has passed. Interrupts are on, and it may wait a little. NULL: there are no lights.
     */
    bool (*set_lights)(struct keyboard *keyboard, uint8_t locks);

    struct keyboard *next;
    uint8_t down[32];         /* a bit a usage */
    uint8_t lights;           /* what was asked for last, or KEYBOARD_LIGHTS_UNKNOWN */
    bool lights_set;          /* and it was done */
    uint64_t lights_deadline; /* when that is given up */
};

#define KEYBOARD_LIGHTS_UNKNOWN 0xFFu

/* From here on it is polled, and its events are taken. */
void keyboard_add(struct keyboard *keyboard);

/* It was pulled out: its keys go up, and nothing of it is used any more. */
void keyboard_remove(struct keyboard *keyboard);

/* A key went down or up. USAGE_ROLL_OVER: the keyboard has lost track; all its keys are up, its lights unknown. */
void keyboard_event(struct keyboard *keyboard, struct key_event event);

/* From `poll`: a key that is one already, by no layout. KEY_NONE is none. */
void keyboard_type(int key);

/* Takes what the keyboards have: the interrupt handler of all, and for timers where an interrupt is not routed. */
void keyboard_poll(void);

/*
 * The oldest key not yet read, a repeated one when it is due, or KEY_NONE; never waits. It asks the devices itself when
 * no interrupt brought a key, so a reader that calls it with interrupts off until KEY_NONE, and then halts, misses
 * nothing.
 */
int keyboard_read_key(void);

/* Brings lights that differ from the locks up to date. Before a reader of keys halts. */
void keyboard_update_lights(void);

/* In how many microseconds the two above want to be called again: a key repeats, a light waits. UINT64_MAX: never. */
uint64_t keyboard_due_us(void);

/* Puts a layout in force. When there is none of this name, says so, and which there are; the old one stays. */
void keyboard_set_layout(const char *name);

/* For the `keymap` command: layout and locks; the list of keyboards, the newest first. */
const struct keymap *keyboard_keymap(void);
const struct keyboard *keyboard_first(void);

#endif
