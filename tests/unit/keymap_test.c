/* drivers/keymap.c and drivers/escape.c: keyboards' usages and terminals' bytes become the same keys. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/escape.h"
#include "drivers/keymap.h"

/* Presses a key by its usage, with modifiers held; the last key that this gives. */
static int press_with(struct keymap *keymap, uint8_t modifiers, uint8_t usage)
{
    int keys[KEYMAP_KEYS_MAX];
    keymap->modifiers = modifiers;
    unsigned count = keymap_press(keymap, usage, keys);
    assert_true(count <= KEYMAP_KEYS_MAX);
    return count == 0 ? KEY_NONE : keys[count - 1];
}

static int press(struct keymap *keymap, uint8_t usage)
{
    return press_with(keymap, 0, usage);
}

#define SHIFT  0x02 /* left; the right ones are 0x20, and 0x10 for Ctrl */
#define CTRL   0x01
#define ALTGR  0x40

static struct keymap keymap_of(const char *name)
{
    struct keymap keymap = {.layout = key_layout_find(name)};
    assert_non_null(keymap.layout);
    return keymap;
}

static void the_first_layout_is_us_and_unknown_names_are_none(void **state)
{
    (void)state;
    assert_string_equal(key_layouts[0].name, "us");
    assert_null(key_layout_find("xx"));
    assert_null(key_layout_find(""));
}

static void letters_and_digits(void **state)
{
    (void)state;
    struct keymap keymap = keymap_of("us");
    assert_int_equal(press(&keymap, 0x04), 'a');
    assert_int_equal(press(&keymap, 0x1E), '1');
    assert_int_equal(press(&keymap, 0x27), '0');
    assert_int_equal(press(&keymap, 0x2E), '=');
    assert_int_equal(press(&keymap, 0x2A), '\b');
    assert_int_equal(press(&keymap, 0x2B), '\t');
    assert_int_equal(press(&keymap, 0x28), '\n');
    assert_int_equal(press(&keymap, 0x31), '\\');
    assert_int_equal(press(&keymap, 0x32), '\\'); /* the same key of a European keyboard */
    assert_int_equal(press(&keymap, 0x64), '\\');
    assert_int_equal(press(&keymap, 0x38), '/');
    assert_int_equal(press(&keymap, 0x2C), ' ');
    assert_int_equal(press(&keymap, 0x29), KEY_ESCAPE);
    assert_int_equal(press_with(&keymap, SHIFT, 0x04), 'A');
    assert_int_equal(press_with(&keymap, SHIFT << 4, 0x1F), '@'); /* the right one */
    assert_int_equal(press_with(&keymap, ALTGR, 0x1F), '2');      /* a layout without AltGr */
}

static void caps_lock_is_for_letters(void **state)
{
    (void)state;
    struct keymap keymap = keymap_of("de");
    assert_int_equal(press(&keymap, USAGE_CAPS_LOCK), KEY_NONE);
    assert_int_equal(keymap.locks, LOCK_CAPS);
    assert_int_equal(press(&keymap, 0x04), 'A');
    assert_int_equal(press(&keymap, 0x1E), '1');
    assert_int_equal(press(&keymap, 0x2F), 0xDC); /* Ü */
    assert_int_equal(press(&keymap, 0x2D), 0xDF); /* ß has no capital in Latin-1 */
    assert_int_equal(press_with(&keymap, SHIFT, 0x04), 'a');
    assert_int_equal(press_with(&keymap, SHIFT, 0x2F), 0xFC);
    press(&keymap, USAGE_CAPS_LOCK);
    assert_int_equal(press(&keymap, 0x04), 'a');
    keymap = keymap_of("us");
    keymap.locks = LOCK_CAPS | LOCK_SCROLL;
    assert_int_equal(press(&keymap, 0x2F), '['); /* 20h apart, and no letters */
    press(&keymap, USAGE_SCROLL_LOCK);
    assert_int_equal(keymap.locks, LOCK_CAPS);
}

static void ctrl_gives_control_characters(void **state)
{
    (void)state;
    struct keymap keymap = keymap_of("us");
    assert_int_equal(press_with(&keymap, CTRL, 0x06), KEY_CTRL('C'));
    assert_int_equal(press_with(&keymap, CTRL | SHIFT, 0x06), KEY_CTRL('C'));
    assert_int_equal(press_with(&keymap, CTRL << 4, 0x18), KEY_CTRL('U'));
    assert_int_equal(press_with(&keymap, CTRL, 0x2F), KEY_ESCAPE); /* Ctrl-[ */
    assert_int_equal(press_with(&keymap, CTRL, 0x28), '\n');
    assert_int_equal(press_with(&keymap, CTRL, 0x1E), '1');
    keymap.locks = LOCK_CAPS;
    assert_int_equal(press_with(&keymap, CTRL, 0x04), KEY_CTRL('A'));
    keymap = keymap_of("fr");
    assert_int_equal(press_with(&keymap, CTRL, 0x14), KEY_CTRL('A')); /* where Q is elsewhere */
}

static void the_keypad_and_the_keys_around_it(void **state)
{
    (void)state;
    static const struct {
        uint8_t usage;
        int key;
        int with_num_lock;
    } rows[] = {
        {0x49, KEY_INSERT, KEY_INSERT}, {0x4A, KEY_HOME, KEY_HOME},   {0x4B, KEY_PAGE_UP, KEY_PAGE_UP},
        {0x4C, KEY_DELETE, KEY_DELETE}, {0x4D, KEY_END, KEY_END},     {0x4E, KEY_PAGE_DOWN, KEY_PAGE_DOWN},
        {0x4F, KEY_RIGHT, KEY_RIGHT},   {0x50, KEY_LEFT, KEY_LEFT},   {0x51, KEY_DOWN, KEY_DOWN},
        {0x52, KEY_UP, KEY_UP},         {0x54, '/', '/'},             {0x55, '*', '*'},
        {0x56, '-', '-'},               {0x57, '+', '+'},             {0x58, '\n', '\n'},
        {0x59, KEY_END, '1'},           {0x5A, KEY_DOWN, '2'},        {0x5B, KEY_PAGE_DOWN, '3'},
        {0x5C, KEY_LEFT, '4'},          {0x5D, KEY_NONE, '5'},        {0x5E, KEY_RIGHT, '6'},
        {0x5F, KEY_HOME, '7'},          {0x60, KEY_UP, '8'},          {0x61, KEY_PAGE_UP, '9'},
        {0x62, KEY_INSERT, '0'},        {0x63, KEY_DELETE, '.'},
    };
    struct keymap keymap = keymap_of("us");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_int_equal(press(&keymap, rows[i].usage), rows[i].key);
    press(&keymap, USAGE_NUM_LOCK);
    assert_int_equal(keymap.locks, LOCK_NUM);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_int_equal(press(&keymap, rows[i].usage), rows[i].with_num_lock);
    assert_int_equal(press_with(&keymap, SHIFT, 0x59), KEY_END);
    keymap.layout = key_layout_find("de");
    assert_int_equal(press(&keymap, 0x63), ',');
}

static void dead_keys_wait_for_their_letter(void **state)
{
    (void)state;
    int keys[KEYMAP_KEYS_MAX];
    struct keymap keymap = keymap_of("de");
    assert_int_equal(press(&keymap, 0x35), KEY_NONE); /* ^ */
    assert_int_equal(press(&keymap, 0x08), 0xEA);     /* ê */
    assert_int_equal(press(&keymap, 0x08), 'e');
    press(&keymap, 0x35);
    assert_int_equal(press(&keymap, 0x2C), '^'); /* with a blank: by itself */
    press(&keymap, 0x35);
    assert_int_equal(press(&keymap, 0x35), '^'); /* twice: by itself, once */
    assert_int_equal(press(&keymap, 0x1B), 'x');
    press(&keymap, 0x35);
    assert_int_equal(keymap_press(&keymap, 0x1B, keys), 2); /* no such letter: both */
    assert_int_equal(keys[0], '^');
    assert_int_equal(keys[1], 'x');
    press(&keymap, 0x35);
    keymap.modifiers = SHIFT;
    assert_int_equal(keymap_press(&keymap, 0x2E, keys), 2); /* ^ and then `: both, and neither waits */
    assert_int_equal(keys[1], '`');
    press(&keymap, 0x2E);
    assert_int_equal(press_with(&keymap, SHIFT, 0x04), 0xC1); /* Shift itself does not disturb: Á */
    press(&keymap, 0x35);
    assert_int_equal(keymap_press(&keymap, 0x2A, keys), 1); /* taken back */
    assert_int_equal(keys[0], '\b');
    assert_int_equal(press(&keymap, 0x04), 'a');
    press(&keymap, 0x35);
    assert_int_equal(press(&keymap, 0x52), KEY_UP);
    assert_int_equal(press(&keymap, 0x04), 'a');
}

static void keys_without_a_meaning_give_none(void **state)
{
    (void)state;
    struct keymap keymap = keymap_of("us");
    for (unsigned usage = 0x3A; usage <= 0x48; usage++) /* F1 to F12, Print Screen, Scroll Lock, Pause */
        assert_int_equal(press(&keymap, (uint8_t)usage), KEY_NONE);
    for (unsigned usage = 0x65; usage <= 0xFF; usage++)
        assert_int_equal(press(&keymap, (uint8_t)usage), KEY_NONE);
    for (unsigned usage = 0; usage < 0x04; usage++)
        assert_int_equal(press(&keymap, (uint8_t)usage), KEY_NONE);
}

static void any_bytes_are_safe(void **state)
{
    (void)state;
    struct escape escape = {0};
    uint32_t random = 1;
    for (int i = 0; i < 100000; i++) {
        random = random * 1664525 + 1013904223;
        (void)escape_feed(&escape, (uint8_t)(random >> 16));
    }
}

/* Feeds text and gives the last key that is one. */
static int escape_keys(const char *text, unsigned *key_count)
{
    struct escape escape = {0};
    int last = KEY_NONE;
    *key_count = 0;
    for (; *text != '\0'; text++) {
        int key = escape_feed(&escape, (uint8_t)*text);
        if (key == KEY_NONE)
            continue;
        last = key;
        (*key_count)++;
    }
    return last;
}

static void sequences_are_keys(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned key_count;
        int last;
    } rows[] = {
        {"a",               1, 'a'          },
        {"\r",              1, '\n'         },
        {"\r\n",            1, '\n'         },
        {"\n\n",            2, '\n'         },
        {"\x7f",            1, '\b'         },
        {"\x03",            1, KEY_CTRL('C')},
        {"\x1b[A",          1, KEY_UP       },
        {"\x1b[B",          1, KEY_DOWN     },
        {"\x1b[C",          1, KEY_RIGHT    },
        {"\x1b[D",          1, KEY_LEFT     },
        {"\x1b[H",          1, KEY_HOME     },
        {"\x1bOF",          1, KEY_END      },
        {"\x1bOP",          0, KEY_NONE     }, /* F1 */
        {"\x1b[3;5~",       1, KEY_DELETE   },
        {"\x1b[1~",         1, KEY_HOME     },
        {"\x1b[3~",         1, KEY_DELETE   },
        {"\x1b[4~",         1, KEY_END      },
        {"\x1b[5~",         1, KEY_PAGE_UP  },
        {"\x1b[6~",         1, KEY_PAGE_DOWN},
        {"\x1b[24~",        0, KEY_NONE     }, /* F12 */
        {"\x1b[1;5C",       1, KEY_RIGHT    }, /* with Ctrl */
        {"\x1b[99999999~x", 1, 'x'          }, /* unknown: no key */
        {"\x1b[?25hx",      1, 'x'          },
        {"\x1b\x1b",        1, KEY_ESCAPE   },
        {"\xC3\xA4",        0, KEY_NONE     },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        unsigned key_count;
        assert_int_equal(escape_keys(rows[i].text, &key_count), rows[i].last);
        assert_int_equal(key_count, rows[i].key_count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_layout_is_us_and_unknown_names_are_none),
        cmocka_unit_test(letters_and_digits),
        cmocka_unit_test(caps_lock_is_for_letters),
        cmocka_unit_test(ctrl_gives_control_characters),
        cmocka_unit_test(the_keypad_and_the_keys_around_it),
        cmocka_unit_test(dead_keys_wait_for_their_letter),
        cmocka_unit_test(keys_without_a_meaning_give_none),
        cmocka_unit_test(any_bytes_are_safe),
        cmocka_unit_test(sequences_are_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
