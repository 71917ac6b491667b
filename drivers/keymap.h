/*
 * From the scan codes of a PC keyboard (set 1) to characters and keys.
 *
 * Owns: the key codes that the whole kernel uses, struct keymap (modifier state of one keyboard) and the layouts.
 * Rules: pure; any byte stream is safe. A layout is a table, so another one is data, not code.
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
    KEY_F1, /* to KEY_F1 + 11 */
    KEY_F12 = KEY_F1 + 11,
};

#define KEY_ESCAPE       0x1B
#define KEY_CTRL(letter) ((letter)&0x1F) /* KEY_CTRL('C') */

/* Scan codes (set 1, make) that print: 0x01 (Esc) to 0x58 (F12), among them 0x56, the 102nd key. */
#define KEYMAP_CODES 0x59u

/* One layout: a character for each scan code, 0 where there is none. */
struct keymap_layout {
    const char *name;
    uint16_t plain[KEYMAP_CODES];
    uint16_t shifted[KEYMAP_CODES];
    uint16_t alternate[KEYMAP_CODES]; /* with AltGr (right Alt); where 0, `plain` serves */
};

extern const struct keymap_layout keymap_us;

/* Modifiers that are down, and the lock that is on. */
#define KEYMAP_LEFT_SHIFT  0x01u
#define KEYMAP_RIGHT_SHIFT 0x02u
#define KEYMAP_LEFT_CTRL   0x04u
#define KEYMAP_RIGHT_CTRL  0x08u
#define KEYMAP_LEFT_ALT    0x10u
#define KEYMAP_RIGHT_ALT   0x20u
#define KEYMAP_CAPS_LOCK   0x40u
#define KEYMAP_NUM_LOCK    0x80u

struct keymap {
    const struct keymap_layout *layout;
    uint8_t modifiers;
    bool caps_down; /* Caps Lock is held: its repeats do not toggle */
    bool num_down;
    bool extended;      /* an E0 came */
    uint8_t skip_count; /* bytes of an E1 sequence (Pause) still to swallow */
};

void keymap_init(struct keymap *keymap, const struct keymap_layout *layout);

/* Takes one scan code byte; returns the key that it completes, or KEY_NONE. */
int keymap_feed(struct keymap *keymap, uint8_t scan_code);

#endif
