/*
 * From the scan codes of a PC keyboard (set 1, US layout) to characters and keys.
 *
 * Owns: the key codes that the whole kernel uses, and struct keymap (modifier state of one keyboard).
 * Rules: pure; any byte stream is safe. Alt and the function keys give no key: nothing here would know what to do.
 */
#ifndef KEEL_DRIVERS_KEYMAP_H
#define KEEL_DRIVERS_KEYMAP_H

#include "kernel/base/types.h"

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

/* Keys that are down ... */
#define KEYMAP_LEFT_SHIFT  0x01u
#define KEYMAP_RIGHT_SHIFT 0x02u
#define KEYMAP_LEFT_CTRL   0x04u
#define KEYMAP_RIGHT_CTRL  0x08u
#define KEYMAP_CAPS_LOCK   0x10u
#define KEYMAP_NUM_LOCK    0x20u

struct keymap {
    uint8_t modifiers;  /* ... of these, the lock keys among them: their repeats do not toggle */
    uint8_t locks;      /* KEYMAP_CAPS_LOCK, KEYMAP_NUM_LOCK: those that are on */
    bool extended;      /* an E0 came */
    uint8_t skip_count; /* bytes of an E1 sequence (Pause) still to swallow */
};

/* Takes one scan code byte; returns the key that it completes, or KEY_NONE. *keymap starts zeroed. */
int keymap_feed(struct keymap *keymap, uint8_t scan_code);

#endif
