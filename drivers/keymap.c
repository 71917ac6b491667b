/*
 * Scan code set 1: a byte for each key going down, the same with bit 7 for it going up, E0 before the keys that the
 * first PC did not have. Source: IBM PS/2 Hardware Interface Technical Reference, Keyboards (101/102-key), set 1.
 */
#include "drivers/keymap.h"

#define CODE_EXTENDED 0xE0u
#define CODE_PAUSE    0xE1u /* two more bytes follow, going down and going up alike */
#define CODE_RELEASE  0x80u

enum {
    CODE_LEFT_CTRL = 0x1D,
    CODE_LEFT_SHIFT = 0x2A,
    CODE_KEYPAD_SLASH = 0x35, /* extended */
    CODE_RIGHT_SHIFT = 0x36,
    CODE_ALT = 0x38,
    CODE_CAPS_LOCK = 0x3A,
    CODE_F1 = 0x3B, /* to F10 */
    CODE_F10 = 0x44,
    CODE_NUM_LOCK = 0x45,
    CODE_KEYPAD = 0x47, /* to 0x53: 7 8 9 - 4 5 6 + 1 2 3 0 . */
    CODE_KEYPAD_END = 0x54,
    CODE_F11 = 0x57,
    CODE_F12 = 0x58,
};

/* Rows of the keyboard: 0x01 Esc, 0x02 number row, 0x10 upper row, 0x1E home row, 0x2C lower row, 0x39 space. */
/* clang-format off */
const struct keymap_layout keymap_us = {
    .name = "us",
    .plain = {
        [0x01] = KEY_ESCAPE,
        [0x02] = '1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '-', '=', '\b', '\t',
        [0x10] = 'q', 'w', 'e', 'r', 't', 'y', 'u', 'i', 'o', 'p', '[', ']', '\n',
        [0x1E] = 'a', 's', 'd', 'f', 'g', 'h', 'j', 'k', 'l', ';', '\'', '`',
        [0x2B] = '\\', 'z', 'x', 'c', 'v', 'b', 'n', 'm', ',', '.', '/',
        [0x37] = '*', [0x39] = ' ', [0x56] = '\\',
    },
    .shifted = {
        [0x01] = KEY_ESCAPE,
        [0x02] = '!', '@', '#', '$', '%', '^', '&', '*', '(', ')', '_', '+', '\b', '\t',
        [0x10] = 'Q', 'W', 'E', 'R', 'T', 'Y', 'U', 'I', 'O', 'P', '{', '}', '\n',
        [0x1E] = 'A', 'S', 'D', 'F', 'G', 'H', 'J', 'K', 'L', ':', '"', '~',
        [0x2B] = '|', 'Z', 'X', 'C', 'V', 'B', 'N', 'M', '<', '>', '?',
        [0x37] = '*', [0x39] = ' ', [0x56] = '|',
    },
};

/* The keypad from CODE_KEYPAD on: what a key types with Num Lock, and what it is without, or after E0. */
static const struct {
    char digit;
    int key;
} keymap_keypad[] = {
    {'7', KEY_HOME}, {'8', KEY_UP},   {'9', KEY_PAGE_UP}, {'-', '-'},
    {'4', KEY_LEFT}, {'5', KEY_NONE}, {'6', KEY_RIGHT},   {'+', '+'},
    {'1', KEY_END},  {'2', KEY_DOWN}, {'3', KEY_PAGE_DOWN},
    {'0', KEY_INSERT}, {'.', KEY_DELETE},
};
/* clang-format on */
_Static_assert(ARRAY_COUNT(keymap_keypad) == CODE_KEYPAD_END - CODE_KEYPAD, "one entry for each keypad code");

void keymap_init(struct keymap *keymap, const struct keymap_layout *layout)
{
    *keymap = (struct keymap){.layout = layout};
}

/* The modifier bit of a code that is a held-down modifier, or 0. E0 2A and E0 36 are fake shifts, not keys. */
static uint8_t keymap_modifier(uint8_t code, bool extended)
{
    switch (code) {
    case CODE_LEFT_SHIFT:
        return extended ? 0 : KEYMAP_LEFT_SHIFT;
    case CODE_RIGHT_SHIFT:
        return extended ? 0 : KEYMAP_RIGHT_SHIFT;
    case CODE_LEFT_CTRL:
        return extended ? KEYMAP_RIGHT_CTRL : KEYMAP_LEFT_CTRL;
    case CODE_ALT:
        return extended ? KEYMAP_RIGHT_ALT : KEYMAP_LEFT_ALT;
    default:
        return 0;
    }
}

static void keymap_toggle(struct keymap *keymap, bool *held, bool down, uint8_t lock)
{
    if (down && !*held)
        keymap->modifiers ^= lock;
    *held = down;
}

/* Takes modifiers and locks; true when `code` was one. */
static bool keymap_take_modifier(struct keymap *keymap, uint8_t code, bool extended, bool down)
{
    uint8_t modifier = keymap_modifier(code, extended);
    if (modifier != 0) {
        keymap->modifiers = (uint8_t)(down ? keymap->modifiers | modifier : keymap->modifiers & ~modifier);
        return true;
    }
    if (code == CODE_CAPS_LOCK)
        keymap_toggle(keymap, &keymap->caps_down, down, KEYMAP_CAPS_LOCK);
    else if (code == CODE_NUM_LOCK && !extended)
        keymap_toggle(keymap, &keymap->num_down, down, KEYMAP_NUM_LOCK);
    else
        return extended && (code == CODE_LEFT_SHIFT || code == CODE_RIGHT_SHIFT);
    return true;
}

/* Letters of Latin-1, which Caps Lock affects: the lower and the upper one differ by 0x20. */
static bool keymap_is_letter(uint16_t plain, uint16_t shifted)
{
    return plain >= 'a' && shifted == plain - 0x20;
}

static int keymap_character(const struct keymap *keymap, uint8_t code)
{
    const struct keymap_layout *layout = keymap->layout;
    uint16_t plain = layout->plain[code];
    uint16_t shifted = layout->shifted[code];
    bool ctrl = (keymap->modifiers & (KEYMAP_LEFT_CTRL | KEYMAP_RIGHT_CTRL)) != 0;
    bool shift = (keymap->modifiers & (KEYMAP_LEFT_SHIFT | KEYMAP_RIGHT_SHIFT)) != 0;
    if ((keymap->modifiers & KEYMAP_RIGHT_ALT) != 0 && layout->alternate[code] != 0)
        return layout->alternate[code];
    if (ctrl && shifted >= '@' && shifted <= '_')
        return KEY_CTRL(shifted);
    if (ctrl && plain >= '@' && plain <= '_')
        return KEY_CTRL(plain);
    if ((keymap->modifiers & KEYMAP_CAPS_LOCK) != 0 && keymap_is_letter(plain, shifted))
        shift = !shift;
    return shift ? shifted : plain;
}

static int keymap_keypad_key(const struct keymap *keymap, uint8_t code, bool extended)
{
    bool digits = (keymap->modifiers & KEYMAP_NUM_LOCK) != 0 && !extended;
    return digits ? keymap_keypad[code - CODE_KEYPAD].digit : keymap_keypad[code - CODE_KEYPAD].key;
}

/* A key that is no modifier goes down. */
static int keymap_press(const struct keymap *keymap, uint8_t code, bool extended)
{
    if (code >= CODE_KEYPAD && code < CODE_KEYPAD_END)
        return keymap_keypad_key(keymap, code, extended);
    if (code >= KEYMAP_CODES)
        return KEY_NONE;
    if (extended) /* keypad Enter and slash; the rest are multimedia keys */
        return code == 0x1C ? '\n' : code == CODE_KEYPAD_SLASH ? '/' : KEY_NONE;
    if (code >= CODE_F1 && code <= CODE_F10)
        return KEY_F1 + (code - CODE_F1);
    if (code == CODE_F11 || code == CODE_F12)
        return KEY_F12 - (CODE_F12 - code);
    return keymap_character(keymap, code);
}

int keymap_feed(struct keymap *keymap, uint8_t scan_code)
{
    if (keymap->skip_count != 0) {
        keymap->skip_count--;
        return KEY_NONE;
    }
    if (scan_code == CODE_EXTENDED || scan_code == CODE_PAUSE) {
        keymap->extended = scan_code == CODE_EXTENDED;
        keymap->skip_count = scan_code == CODE_PAUSE ? 2 : 0;
        return KEY_NONE;
    }
    bool extended = keymap->extended;
    bool down = (scan_code & CODE_RELEASE) == 0;
    uint8_t code = (uint8_t)(scan_code & ~CODE_RELEASE);
    keymap->extended = false;
    if (keymap_take_modifier(keymap, code, extended, down) || !down)
        return KEY_NONE;
    return keymap_press(keymap, code, extended);
}
