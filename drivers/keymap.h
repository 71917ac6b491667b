/*
 * From keys that go down to what they mean: characters by the layout, the modifiers and the locks.
 *
 *     scancode.c (PS/2) --+                             layout, modifiers, locks
 *                         +--> struct key_event --> keymap_press --> a character, or one of enum key
 *     USB keyboards ------'
 *
 * Owns: the key codes that the whole kernel uses, struct key_event, which all keyboards speak, and struct keymap.
 * Rules: pure; any usage is safe. Alt and the function keys give no key: nothing here would know what to do.
 * Source: USB HID Usage Tables, 10 (Keyboard/Keypad page, 07h), below: HUT.
 */
#ifndef KEEL_DRIVERS_KEYMAP_H
#define KEEL_DRIVERS_KEYMAP_H

#include "drivers/key_layout.h"

/*
 * A key is a Unicode character (control characters included: Enter is '\n', Backspace '\b', Ctrl-A 1) or one of
 * these codes, which lie beyond Unicode's last character, 0x10FFFF.
 */
enum key {
    KEY_NONE = 0,
    KEY_UP = 0x110000,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_HOME,
    KEY_END,
    KEY_INSERT,
    KEY_DELETE,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
};

#define KEY_ESCAPE       0x1B
#define KEY_CTRL(letter) ((letter)&0x1F) /* KEY_CTRL('C') */

/* What a keyboard tells: the key at a place went down or up. */
struct key_event {
    uint8_t usage; /* HUT page 07h; modifiers are USAGE_MODIFIERS to + 7 */
    bool down;
};

/* Usages that mean something here beyond what they type. */
#define USAGE_ROLL_OVER   0x01u /* the keyboard has lost track of its keys */
#define USAGE_CAPS_LOCK   0x39u
#define USAGE_SCROLL_LOCK 0x47u
#define USAGE_NUM_LOCK    0x53u
#define USAGE_MODIFIERS   0xE0u /* left Ctrl, Shift, Alt, GUI, and the right ones: in the order of the bits below */

/* A bit a modifier, as in the first byte of a USB boot keyboard's report (HID 1.11, B.1). */
#define MODIFIER_CTRL  0x11u
#define MODIFIER_SHIFT 0x22u
#define MODIFIER_ALTGR 0x40u /* the right Alt */

/* A bit a lock, as a USB boot keyboard wants them for its lights (HID 1.11, B.1). */
#define LOCK_NUM    0x01u
#define LOCK_CAPS   0x02u
#define LOCK_SCROLL 0x04u

struct keymap {
    const struct key_layout *layout;
    uint8_t modifiers; /* those that are down: kept by the owner */
    uint8_t locks;     /* those that are on: kept by keymap_press */
    uint16_t accent;   /* of a dead key, waiting for its letter; 0: none */
};

/* An accent that does not go with the next character, and that character. */
#define KEYMAP_KEYS_MAX 2u

/* A key goes down. Writes what it gives to `keys`; returns how many: 0 for locks, modifiers, dead and unknown keys. */
unsigned keymap_press(struct keymap *keymap, uint8_t usage, int keys[KEYMAP_KEYS_MAX]);

#endif
