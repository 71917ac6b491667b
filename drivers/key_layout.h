/*
 * What the keys of a keyboard type, language by language: tables that the build makes of drivers/layouts/NAME.layout
 * (image/layouts.py, which also says how such a file is written).
 *
 * Keys are named by their place, as everywhere: the USB HID usage (USB HID Usage Tables, 10: Keyboard/Keypad page).
 */
#ifndef KEEL_DRIVERS_KEY_LAYOUT_H
#define KEEL_DRIVERS_KEY_LAYOUT_H

#include "kernel/base/types.h"

/* In a key's characters: it types nothing yet, but puts this accent on the letter that comes next. */
#define KEY_DEAD 0x8000

/* What a key is typed with; indices of `characters`. */
enum key_level {
    KEY_LEVEL_PLAIN,
    KEY_LEVEL_SHIFT,
    KEY_LEVEL_ALTGR,
    KEY_LEVEL_SHIFT_ALTGR,
    KEY_LEVELS,
};

struct key_row {
    uint16_t usage;
    uint16_t characters[KEY_LEVELS]; /* Unicode, below KEY_DEAD; 0: none */
};

struct key_accent {
    uint16_t accent;
    uint16_t letter;
    uint16_t result;
};

struct key_layout {
    const char *name;  /* as in keymap=NAME */
    const char *title; /* for people */
    const struct key_row *keys;
    uint32_t key_count;
    uint32_t accent_count;
    const struct key_accent *accents;
};

/* The first is the one that is in force until another is chosen. */
extern const struct key_layout key_layouts[];
extern const uint32_t key_layout_count;
extern const char key_layout_names[]; /* with blanks in between, for people */

/* NULL: there is none of this name. */
const struct key_layout *key_layout_find(const char *name);

#endif
