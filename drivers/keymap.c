/*
 * Keys that are the same in every layout in one table, those that type by the layout, locks, and the accents of dead
 * keys, which wait for their letter.
 */
#include "drivers/keymap.h"

#include "kernel/base/string.h"

#define USAGE_BACKSLASH   0x31u
#define USAGE_NON_US_HASH 0x32u /* the same key on keyboards with a tall Enter (ISO); PS/2 does not tell them apart */
#define USAGE_KEYPAD_1    0x59u

/* By usage; 0 where the layout says. The keypad's are those without Num Lock. */
static const int fixed[] = {
    [0x28] = '\n', KEY_ESCAPE, '\b', '\t', ' ',
    [0x49] = KEY_INSERT, KEY_HOME, KEY_PAGE_UP, KEY_DELETE, KEY_END, KEY_PAGE_DOWN,
    [0x4F] = KEY_RIGHT, KEY_LEFT, KEY_DOWN, KEY_UP,
    [0x54] = '/', '*', '-', '+', '\n',
    [USAGE_KEYPAD_1] = KEY_END, KEY_DOWN, KEY_PAGE_DOWN, KEY_LEFT, KEY_NONE, KEY_RIGHT, KEY_HOME, KEY_UP, KEY_PAGE_UP,
    KEY_INSERT, KEY_DELETE,
};
static const char keypad_digits[] = "1234567890.";
_Static_assert(USAGE_KEYPAD_1 + sizeof(keypad_digits) - 1 == ARRAY_COUNT(fixed), "one digit a key");

const struct key_layout *key_layout_find(const char *name)
{
    for (uint32_t i = 0; i < key_layout_count; i++)
        if (strcmp(key_layouts[i].name, name) == 0)
            return &key_layouts[i];
    return NULL;
}

/* The same letter in the other case, or the character itself. Latin-1 has its pairs 20h apart, as ASCII has. */
static int other_case(int c)
{
    int lower = c | 0x20;
    bool letter = (lower >= 'a' && lower <= 'z') || (lower >= 0xE0 && lower <= 0xFE && lower != 0xF7);
    return letter ? c ^ 0x20 : c;
}

/* Ctrl with @ A..Z [ \ ] ^ _ is the letter's lower five bits; on any of the key's levels: Ctrl-[ is Escape. */
static int control(const uint16_t characters[KEY_LEVELS], int otherwise)
{
    for (unsigned level = 0; level < KEY_LEVELS; level++) {
        int c = characters[level];
        if ((c > '@' && c <= '_') || (c >= 'a' && c <= 'z'))
            return KEY_CTRL(c);
    }
    return otherwise;
}

/* What the key types by the layout, KEY_DEAD included; KEY_NONE when it is not in it. */
static int typed(const struct keymap *keymap, uint8_t usage)
{
    const struct key_row *key = keymap->layout->keys;
    const struct key_row *end = key + keymap->layout->key_count;
    while (key < end && key->usage != usage)
        key++;
    if (key == end)
        return KEY_NONE;
    unsigned level = (keymap->modifiers & MODIFIER_SHIFT) != 0 ? KEY_LEVEL_SHIFT : KEY_LEVEL_PLAIN;
    if ((keymap->modifiers & MODIFIER_ALTGR) != 0 && key->characters[level + KEY_LEVEL_ALTGR] != 0)
        level += KEY_LEVEL_ALTGR;
    int c = key->characters[level];
    if ((keymap->modifiers & MODIFIER_CTRL) != 0)
        return control(key->characters, c);
    return (keymap->locks & LOCK_CAPS) != 0 ? other_case(c) : c;
}

static int key_of(const struct keymap *keymap, uint8_t usage)
{
    if (usage == USAGE_NON_US_HASH)
        usage = USAGE_BACKSLASH;
    /* Shift takes Num Lock back. */
    bool numeric = (keymap->locks & LOCK_NUM) != 0 && (keymap->modifiers & MODIFIER_SHIFT) == 0;
    bool digit = numeric && usage >= USAGE_KEYPAD_1 && usage < ARRAY_COUNT(fixed);
    if (!digit && usage < ARRAY_COUNT(fixed) && fixed[usage] != 0)
        return fixed[usage];
    int key = typed(keymap, usage); /* the keypad's decimal point, too: in many countries it is a comma */
    return digit && key == KEY_NONE ? keypad_digits[usage - USAGE_KEYPAD_1] : key;
}

/* The letter with the accent on it; KEY_NONE when there is no such thing. The accent by itself: twice, or a blank. */
static int accented(const struct key_layout *layout, uint16_t accent, int letter)
{
    if (letter == ' ' || letter == accent)
        return accent;
    for (uint32_t i = 0; i < layout->accent_count; i++)
        if (layout->accents[i].accent == accent && layout->accents[i].letter == letter)
            return layout->accents[i].result;
    return KEY_NONE;
}

static uint8_t lock_of(uint8_t usage)
{
    static const uint8_t locks[] = {
        [USAGE_CAPS_LOCK] = LOCK_CAPS, [USAGE_SCROLL_LOCK] = LOCK_SCROLL, [USAGE_NUM_LOCK] = LOCK_NUM};
    return usage < ARRAY_COUNT(locks) ? locks[usage] : 0;
}

unsigned keymap_press(struct keymap *keymap, uint8_t usage, int keys[KEYMAP_KEYS_MAX])
{
    keymap->locks ^= lock_of(usage);
    int key = key_of(keymap, usage);
    if (key == KEY_NONE)
        return 0;
    uint16_t accent = keymap->accent;
    bool dead = key >= KEY_DEAD && key < KEY_UP;
    key = dead ? key & ~KEY_DEAD : key;
    keymap->accent = dead && accent == 0 ? (uint16_t)key : 0;
    if (keymap->accent != 0)
        return 0;
    keys[0] = key;
    if (accent == 0 || key < ' ' || key >= KEY_UP) /* Enter, Backspace and the like take the accent back */
        return 1;
    keys[0] = accented(keymap->layout, accent, key);
    if (keys[0] != KEY_NONE)
        return 1;
    keys[0] = accent;
    keys[1] = key;
    return 2;
}
