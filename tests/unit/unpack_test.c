/* kernel/base/unpack.c: blocks by hand, one of each part of the format, and each of them cut and bent. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "kernel/base/unpack.h"

static const struct {
    const char *packed;
    size_t packed_bytes;
    const char *text;
} blocks[] = {
    {"\x00",                  1,  ""                },
    {"\x30"
     "abc",              4,  "abc"             },
    {"\x30"
     "abc\x03\x00\x00",  7,  "abcabca"         }, /* the last sequence is an empty one */
    {"\x10"
     "a\x01\x00\x00",    5,  "aaaaa"           }, /* a copy of what it has just made */
    {"\x1F"
     "a\x01\x00\x00\x10"
     "b",                7,
     "aaaaaaaaaa"
     "aaaaaaaaaa"
     "b"                                            }, /* 15 + 0 + 4 of a match */
    {"\xF0\x01"
     "0123456789abcdef", 18, "0123456789abcdef"}, /* 15 + 1 literals */
};

static enum status unpack_exact(const void *packed, size_t packed_bytes, char *to, size_t to_bytes)
{
    uint8_t *copy = malloc(packed_bytes + 1); /* ASan sees a read or a write beyond these two */
    char *out = malloc(to_bytes + (to_bytes == 0));
    memcpy(copy, packed, packed_bytes);
    uint8_t *exact = realloc(copy, packed_bytes + (packed_bytes == 0));
    enum status status = unpack(exact, packed_bytes, out, to_bytes);
    if (status == STATUS_OK)
        memcpy(to, out, to_bytes);
    free(exact);
    free(out);
    return status;
}

static void blocks_are_unpacked(void **state)
{
    (void)state;
    char out[64];
    for (size_t i = 1; i < ARRAY_COUNT(blocks); i++) {
        size_t length = strlen(blocks[i].text);
        const char *packed = blocks[i].packed;
        size_t packed_bytes = blocks[i].packed_bytes;
        assert_int_equal(unpack_exact(packed, packed_bytes, out, length), STATUS_OK);
        assert_memory_equal(out, blocks[i].text, length);
        assert_int_equal(unpack_exact(packed, packed_bytes, out, length + 1), STATUS_INVALID);
        assert_int_equal(unpack_exact(packed, packed_bytes, out, length - 1), STATUS_INVALID);
        for (size_t cut = 0; cut < packed_bytes; cut++)
            assert_int_equal(unpack_exact(packed, cut, out, length), STATUS_INVALID);
    }
    assert_int_equal(unpack_exact(blocks[0].packed, 1, out, 0), STATUS_OK);
}

static void what_points_nowhere_is_refused(void **state)
{
    (void)state;
    char out[64];
    assert_int_equal(unpack_exact("\x10"
                                  "a\x00\x00\x00",
                                  5, out, 5),
                     STATUS_INVALID); /* no distance */
    assert_int_equal(unpack_exact("\x10"
                                  "a\x02\x00\x00",
                                  5, out, 5),
                     STATUS_INVALID); /* before the start */
    assert_int_equal(unpack_exact("\x1F"
                                  "a\x01\x00\xFF\xFF\xFF",
                                  7, out, 64),
                     STATUS_INVALID); /* endless */
    assert_int_equal(unpack_exact("\xF0\xFF\xFF", 3, out, 64), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_unpacked),
        cmocka_unit_test(what_points_nowhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
