/*
 * kernel/base/string.c against the C library, over every length and overlap up to a few words.
 *
 * The file under test defines the library's own names, so it is compiled here under others.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define memcpy  keel_memcpy
#define memmove keel_memmove
#define memset  keel_memset
#define memcmp  keel_memcmp
#define strlen  keel_strlen
#define strcmp  keel_strcmp
#define strncmp keel_strncmp
#include "kernel/base/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp

#define SPAN 40u

static void fill(uint8_t *bytes)
{
    for (unsigned i = 0; i < SPAN; i++)
        bytes[i] = (uint8_t)(i * 7 + 1);
}

static void moves_match_for_every_overlap(void **state)
{
    (void)state;
    for (unsigned from = 0; from < SPAN; from++) {
        for (unsigned to = 0; to < SPAN; to++) {
            unsigned room = SPAN - (from > to ? from : to);
            for (unsigned length = 0; length <= room; length++) {
                uint8_t ours[SPAN], theirs[SPAN];
                fill(ours);
                fill(theirs);
                assert_ptr_equal(keel_memmove(ours + to, ours + from, length), ours + to);
                memmove(theirs + to, theirs + from, length);
                assert_memory_equal(ours, theirs, SPAN);
            }
        }
    }
}

static void copies_and_sets_touch_nothing_else(void **state)
{
    (void)state;
    for (unsigned start = 0; start < 9; start++) {
        for (unsigned length = 0; start + length <= SPAN; length++) {
            uint8_t source[SPAN], ours[SPAN] = {0}, theirs[SPAN] = {0};
            fill(source);
            keel_memcpy(ours + start, source + 3, length < SPAN - 3 ? length : SPAN - 3);
            memcpy(theirs + start, source + 3, length < SPAN - 3 ? length : SPAN - 3);
            assert_memory_equal(ours, theirs, SPAN);
            keel_memset(ours + start, 0xA5, length);
            memset(theirs + start, 0xA5, length);
            assert_memory_equal(ours, theirs, SPAN);
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void comparisons_have_the_library_s_sign(void **state)
{
    (void)state;
    const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "\x80", "\xFF"};
    for (unsigned i = 0; i < ARRAY_COUNT(words); i++) {
        assert_int_equal(keel_strlen(words[i]), strlen(words[i]));
        for (unsigned j = 0; j < ARRAY_COUNT(words); j++) {
            assert_int_equal(sign(keel_strcmp(words[i], words[j])), sign(strcmp(words[i], words[j])));
            for (size_t n = 0; n < 5; n++)
                assert_int_equal(sign(keel_strncmp(words[i], words[j], n)), sign(strncmp(words[i], words[j], n)));
            size_t shorter = strlen(words[i]) < strlen(words[j]) ? strlen(words[i]) : strlen(words[j]);
            assert_int_equal(sign(keel_memcmp(words[i], words[j], shorter)),
                             sign(memcmp(words[i], words[j], shorter)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_match_for_every_overlap),
        cmocka_unit_test(copies_and_sets_touch_nothing_else),
        cmocka_unit_test(comparisons_have_the_library_s_sign),
    };
    return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
