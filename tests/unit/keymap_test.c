/* drivers/keymap.c and drivers/escape.c: scan codes and terminal bytes become the same keys. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/escape.h"
#include "drivers/keymap.h"

#define RELEASE 0x80

/* Feeds scan codes and gives the key of the last one. */
static int keymap_feed_all(struct keymap *keymap, const uint8_t *codes, size_t count)
{
    int key = KEY_NONE;
    for (size_t i = 0; i < count; i++)
        key = keymap_feed(keymap, codes[i]);
    return key;
}

#define FEED(keymap, ...) \
    keymap_feed_all((keymap), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void letters_and_digits(void **state)
{
    (void)state;
    struct keymap keymap = {0};
    assert_int_equal(FEED(&keymap, 0x1E), 'a');
    assert_int_equal(FEED(&keymap, 0x1E | RELEASE), KEY_NONE);
    assert_int_equal(FEED(&keymap, 0x02), '1');
    assert_int_equal(FEED(&keymap, 0x0B), '0');
    assert_int_equal(FEED(&keymap, 0x0D), '=');
    assert_int_equal(FEED(&keymap, 0x0E), '\b');
    assert_int_equal(FEED(&keymap, 0x0F), '\t');
    assert_int_equal(FEED(&keymap, 0x1B), ']');
    assert_int_equal(FEED(&keymap, 0x1C), '\n');
    assert_int_equal(FEED(&keymap, 0x29), '`');
    assert_int_equal(FEED(&keymap, 0x2B), '\\');
    assert_int_equal(FEED(&keymap, 0x32), 'm');
    assert_int_equal(FEED(&keymap, 0x35), '/');
    assert_int_equal(FEED(&keymap, 0x39), ' ');
    assert_int_equal(FEED(&keymap, 0x01), KEY_ESCAPE);
}

static void shift_holds_until_released(void **state)
{
    (void)state;
    struct keymap keymap = {0};
    assert_int_equal(FEED(&keymap, 0x2A, 0x1E), 'A');
    assert_int_equal(FEED(&keymap, 0x03), '@');
    assert_int_equal(FEED(&keymap, 0x36, 0x2A | RELEASE, 0x28), '"'); /* the other shift still holds */
    assert_int_equal(FEED(&keymap, 0x36 | RELEASE, 0x28), '\'');
}

static void caps_lock_is_for_letters_and_ignores_repeats(void **state)
{
    (void)state;
    struct keymap keymap = {0};
    FEED(&keymap, 0x3A, 0x3A, 0x3A, 0x3A, 0x3A | RELEASE); /* held down: it repeats */
    assert_int_equal(FEED(&keymap, 0x1E), 'A');
    assert_int_equal(FEED(&keymap, 0x02), '1');
    assert_int_equal(FEED(&keymap, 0x2A, 0x1E), 'a');
    FEED(&keymap, 0x2A | RELEASE, 0x3A, 0x3A | RELEASE);
    assert_int_equal(FEED(&keymap, 0x1E), 'a');
}

static void ctrl_gives_control_characters(void **state)
{
    (void)state;
    struct keymap keymap = {0};
    assert_int_equal(FEED(&keymap, 0x1D, 0x2E), KEY_CTRL('C'));
    assert_int_equal(FEED(&keymap, 0x1E), KEY_CTRL('A'));
    assert_int_equal(FEED(&keymap, 0x1C), '\n');
    assert_int_equal(FEED(&keymap, 0x1D | RELEASE, 0xE0, 0x1D, 0x16), KEY_CTRL('U')); /* right Ctrl */
}

static void extended_keys_and_keypad(void **state)
{
    (void)state;
    struct keymap keymap = {0};
    assert_int_equal(FEED(&keymap, 0xE0, 0x48), KEY_UP);
    assert_int_equal(FEED(&keymap, 0xE0, 0x50), KEY_DOWN);
    assert_int_equal(FEED(&keymap, 0xE0, 0x4B), KEY_LEFT);
    assert_int_equal(FEED(&keymap, 0xE0, 0x4D), KEY_RIGHT);
    assert_int_equal(FEED(&keymap, 0xE0, 0x47), KEY_HOME);
    assert_int_equal(FEED(&keymap, 0xE0, 0x4F), KEY_END);
    assert_int_equal(FEED(&keymap, 0xE0, 0x53), KEY_DELETE);
    assert_int_equal(FEED(&keymap, 0xE0, 0x52), KEY_INSERT);
    assert_int_equal(FEED(&keymap, 0xE0, 0x49), KEY_PAGE_UP);
    assert_int_equal(FEED(&keymap, 0xE0, 0x51), KEY_PAGE_DOWN);
    assert_int_equal(FEED(&keymap, 0xE0, 0x1C), '\n');
    assert_int_equal(FEED(&keymap, 0xE0, 0x35), '/');
    assert_int_equal(FEED(&keymap, 0x48), KEY_UP); /* keypad without Num Lock */
    FEED(&keymap, 0x45, 0x45 | RELEASE);
    assert_int_equal(FEED(&keymap, 0x48), '8');
    assert_int_equal(FEED(&keymap, 0xE0, 0x48), KEY_UP);
    assert_int_equal(FEED(&keymap, 0x4E), '+');
}

/* With Num Lock on, a keyboard wraps arrows in fake shifts: they must not shift what is typed next. */
static void fake_shifts_are_swallowed(void **state)
{
    (void)state;
    struct keymap keymap = {0};
    assert_int_equal(FEED(&keymap, 0xE0, 0x2A), KEY_NONE);
    assert_int_equal(FEED(&keymap, 0xE0, 0x4B), KEY_LEFT);
    assert_int_equal(FEED(&keymap, 0x1E), 'a');
    assert_int_equal(FEED(&keymap, 0xE0, 0xAA), KEY_NONE);
}

static void keys_without_a_meaning_give_none(void **state)
{
    (void)state;
    struct keymap keymap = {0};
    for (uint8_t code = 0x3B; code <= 0x44; code++) /* F1 to F10 */
        assert_int_equal(FEED(&keymap, code), KEY_NONE);
    assert_int_equal(FEED(&keymap, 0x57), KEY_NONE);
    assert_int_equal(FEED(&keymap, 0x38, 0xE0, 0x38), KEY_NONE); /* Alt, AltGr */
    assert_int_equal(FEED(&keymap, 0x10), 'q');
    assert_int_equal(FEED(&keymap, 0xE0, 0x5B), KEY_NONE);
    assert_int_equal(FEED(&keymap, 0x56), '\\'); /* but the 102nd key has one */
    assert_int_equal(FEED(&keymap, 0x2A, 0x56, 0xAA), KEY_NONE);
    assert_int_equal(FEED(&keymap, 0xE1, 0x1D, 0x45), KEY_NONE); /* Pause: neither Ctrl nor Num Lock */
    assert_int_equal(FEED(&keymap, 0xE1, 0x9D, 0xC5), KEY_NONE);
    assert_int_equal(FEED(&keymap, 0x2E), 'c');
    assert_int_equal(keymap.modifiers, 0);
    assert_int_equal(keymap.locks, 0);
}

static void any_bytes_are_safe(void **state)
{
    (void)state;
    struct keymap keymap = {0};
    struct escape escape = {0};
    uint32_t random = 1;
    for (int i = 0; i < 100000; i++) {
        random = random * 1664525 + 1013904223;
        (void)keymap_feed(&keymap, (uint8_t)(random >> 24));
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
        cmocka_unit_test(letters_and_digits),
        cmocka_unit_test(shift_holds_until_released),
        cmocka_unit_test(caps_lock_is_for_letters_and_ignores_repeats),
        cmocka_unit_test(ctrl_gives_control_characters),
        cmocka_unit_test(extended_keys_and_keypad),
        cmocka_unit_test(fake_shifts_are_swallowed),
        cmocka_unit_test(keys_without_a_meaning_give_none),
        cmocka_unit_test(any_bytes_are_safe),
        cmocka_unit_test(sequences_are_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
