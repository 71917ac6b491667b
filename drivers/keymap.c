/*
 * Scan code set 1: a byte for each key going down, the same with bit 7 for it going up, E0 before the keys that the
 * first PC did not have. Source: IBM PS/2 Hardware Interface Technical Reference, Keyboards (101/102-key), set 1.
 */
#include "drivers/keymap.h"

#define BYTE_EXTENDED 0xE0u
#define BYTE_PAUSE    0xE1u /* two more bytes follow, going down and going up alike */
#define BYTE_RELEASE  0x80u

#define EXTENDED 0x80u /* in our codes: it came after E0 */

enum {
    CODE_ENTER = 0x1C,
    CODE_CTRL = 0x1D,
    CODE_LEFT_SHIFT = 0x2A, /* after E0 a fake shift, not a key; so is the right one */
    CODE_BACKSLASH = 0x2B,
    CODE_SLASH = 0x35,
    CODE_RIGHT_SHIFT = 0x36,
    CODE_CAPS_LOCK = 0x3A,
    CODE_NUM_LOCK = 0x45,
    CODE_KEYPAD = 0x47,
    CODE_102ND = 0x56, /* beside the left Shift of European keyboards */
};

/* By code, in the rows of the keyboard: 0x02 numbers, 0x10 upper row, 0x1E home row, 0x2B lower row, 0x37 keypad. */
static const char keymap_plain[] = "\0\x1B"
                                   "1234567890-=\b\t"
                                   "qwertyuiop[]\n\0"
                                   "asdfghjkl;'`\0"
                                   "\\zxcvbnm,./\0"
                                   "*\0 ";
static const char keymap_shifted[] = "\0\x1B"
                                     "!@#$%^&*()_+\b\t"
                                     "QWERTYUIOP{}\n\0"
                                     "ASDFGHJKL:\"~\0"
                                     "|ZXCVBNM<>?\0"
                                     "*\0 ";
#define CODES (sizeof(keymap_plain) - 1)
_Static_assert(CODES == 0x3A && sizeof(keymap_shifted) - 1 == CODES, "up to the space bar");

/* The keypad from CODE_KEYPAD on: what a key types with Num Lock, and what it is without, or after E0. */
static const char keymap_digits[] = "789-456+1230.";
static const int keymap_keypad[] = {
    KEY_HOME, KEY_UP,  KEY_PAGE_UP, '-',           KEY_LEFT,   KEY_NONE,   KEY_RIGHT,
    '+',      KEY_END, KEY_DOWN,    KEY_PAGE_DOWN, KEY_INSERT, KEY_DELETE,
};
_Static_assert(ARRAY_COUNT(keymap_keypad) == sizeof(keymap_digits) - 1, "one entry for each keypad code");

/* Bit n of keymap.modifiers belongs to entry n. */
static const uint8_t keymap_modifier_codes[] = {
    CODE_LEFT_SHIFT, CODE_RIGHT_SHIFT, CODE_CTRL, CODE_CTRL | EXTENDED, CODE_CAPS_LOCK, CODE_NUM_LOCK,
};

/* Keeps account of modifiers and locks; true when `code` was one. */
static bool keymap_take_modifier(struct keymap *keymap, uint8_t code, bool down)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(keymap_modifier_codes); i++) {
        if (keymap_modifier_codes[i] != code)
            continue;
        uint8_t modifier = (uint8_t)(1u << i);
        bool was_down = (keymap->modifiers & modifier) != 0;
        /* A key that is held repeats its down code: only the first one toggles. */
        if (down && !was_down)
            keymap->locks ^= modifier & (KEYMAP_CAPS_LOCK | KEYMAP_NUM_LOCK);
        if (down != was_down)
            keymap->modifiers ^= modifier;
        return true;
    }
    return false;
}

static int keymap_character(const struct keymap *keymap, uint8_t code)
{
    char plain = keymap_plain[code];
    char shifted = keymap_shifted[code];
    bool ctrl = (keymap->modifiers & (KEYMAP_LEFT_CTRL | KEYMAP_RIGHT_CTRL)) != 0;
    bool shift = (keymap->modifiers & (KEYMAP_LEFT_SHIFT | KEYMAP_RIGHT_SHIFT)) != 0;
    /* Ctrl with @ A..Z [ \ ] ^ _ is the letter's lower five bits; both rows, as Ctrl-2 is Ctrl-@ and Ctrl-[ Escape. */
    if (ctrl && shifted >= '@' && shifted <= '_')
        return KEY_CTRL(shifted);
    if (ctrl && plain >= '@' && plain <= '_')
        return KEY_CTRL(plain);
    if ((keymap->locks & KEYMAP_CAPS_LOCK) != 0 && plain >= 'a' && plain <= 'z')
        shift = !shift;
    return shift ? shifted : plain;
}

/* A key that is no modifier goes down. */
static int keymap_press(const struct keymap *keymap, uint8_t code, bool extended)
{
    if (code >= CODE_KEYPAD && code < CODE_KEYPAD + ARRAY_COUNT(keymap_keypad)) {
        bool digits = (keymap->locks & KEYMAP_NUM_LOCK) != 0 && !extended;
        return digits ? keymap_digits[code - CODE_KEYPAD] : keymap_keypad[code - CODE_KEYPAD];
    }
    if (extended) /* the keypad's Enter and slash; the rest are multimedia keys */
        return code == CODE_ENTER || code == CODE_SLASH ? keymap_plain[code] : KEY_NONE;
    if (code == CODE_102ND)
        code = CODE_BACKSLASH;
    return code < CODES ? keymap_character(keymap, code) : KEY_NONE;
}

int keymap_feed(struct keymap *keymap, uint8_t scan_code)
{
    if (keymap->skip_count != 0) {
        keymap->skip_count--;
        return KEY_NONE;
    }
    bool extended = keymap->extended;
    keymap->extended = scan_code == BYTE_EXTENDED;
    /* Pause sends E1 1D 45 and E1 9D C5: not Ctrl and Num Lock, which the two bytes would mean otherwise. */
    keymap->skip_count = scan_code == BYTE_PAUSE ? 2 : 0;
    if (scan_code == BYTE_EXTENDED || scan_code == BYTE_PAUSE)
        return KEY_NONE;
    bool down = (scan_code & BYTE_RELEASE) == 0;
    uint8_t code = (uint8_t)(scan_code & ~BYTE_RELEASE);
    /* E0 2A and E0 36 are fake shifts around grey keys; with EXTENDED set they are no entry of the table. */
    if (keymap_take_modifier(keymap, (uint8_t)(code | (extended ? EXTENDED : 0)), down) || !down)
        return KEY_NONE;
    return keymap_press(keymap, code, extended);
}
