/* kernel/base/qr.c against the specification's own numbers. That symbols can be read: tests/qr, with zbar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/base/qr.h"

static struct qr qr;

/* ISO/IEC 18004:2015, annex I: "01234567" in a version 1-M symbol, its data codewords and their correction. */
static void correction_is_that_of_the_worked_example(void **state)
{
    (void)state;
    const uint8_t data[16] = {0x10, 0x20, 0x0C, 0x56, 0x61, 0x80, 0xEC, 0x11,
                              0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11};
    const uint8_t expected[10] = {0xA5, 0x24, 0xD4, 0xC1, 0xED, 0x36, 0xC7, 0x87, 0x2C, 0x55};
    uint8_t check[10];
    qr_correction(data, sizeof(data), check, sizeof(check));
    assert_memory_equal(check, expected, sizeof(expected));
}

/* Modules (x, y), (x, y + step) ..., the first one the highest bit. */
static uint32_t bits_down(uint32_t x, uint32_t y, uint32_t count)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < count; i++)
        bits = bits << 1 | qr_dark(&qr, x, y + i);
    return bits;
}

static uint32_t bits_right(uint32_t x, uint32_t y, uint32_t count)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < count; i++)
        bits = bits << 1 | qr_dark(&qr, x + i, y);
    return bits;
}

/* The 15 bits, highest first, by figure 25: along row 8 from the left, then up column 8, around the finder. */
static uint32_t format_bits(void)
{
    uint32_t right = bits_right(0, 8, 6) << 2 | bits_right(7, 8, 2);
    uint32_t bits = right << 1 | qr_dark(&qr, 8, 7);
    for (uint32_t y = 5; y < 6; y--)
        bits = bits << 1 | qr_dark(&qr, 8, y);
    return bits;
}

/* Annex C, table C.1: level L and mask 0. */
static void format_is_that_of_the_table(void **state)
{
    (void)state;
    qr_encode(&qr, "format", 6);
    assert_int_equal(format_bits(), 0x77C4);
    /* The second copy: bits 14 to 8 up from the bottom left, 7 to 0 from the right. */
    uint32_t second = 0;
    for (uint32_t y = QR_SIZE - 1; y > QR_SIZE - 8; y--)
        second = second << 1 | qr_dark(&qr, 8, y);
    assert_int_equal(second << 8 | bits_right(QR_SIZE - 8, 8, 8), 0x77C4);
    assert_true(qr_dark(&qr, 8, QR_SIZE - 8)); /* 7.9.1: the dark module */
}

/* Annex D, table D.1: version 15 is 001111 100100 101000, in three columns of six, lowest bit top left. */
static void version_is_that_of_the_table(void **state)
{
    (void)state;
    qr_encode(&qr, "15", 2);
    uint32_t bits = 0;
    uint32_t turned = 0;
    for (uint32_t i = 18; i-- > 0;) {
        bits = bits << 1 | qr_dark(&qr, QR_SIZE - 11 + i % 3, i / 3);
        turned = turned << 1 | qr_dark(&qr, i / 3, QR_SIZE - 11 + i % 3);
    }
    assert_int_equal(bits, 0x0F928);
    assert_int_equal(turned, 0x0F928);
}

static void patterns_are_where_readers_look(void **state)
{
    (void)state;
    static const uint8_t centres[4] = {6, 26, 48, 70}; /* annex E */
    qr_encode(&qr, "patterns", 8);
    assert_int_equal(bits_right(0, 0, 8), 0xFE); /* finder, separator */
    assert_int_equal(bits_right(0, 3, 8), 0xBA);
    assert_int_equal(bits_right(QR_SIZE - 8, 6, 8), 0x7F);
    assert_int_equal(bits_down(3, QR_SIZE - 8, 8), 0x5D); /* the separator first */
    assert_int_equal(bits_right(8, 6, 16), 0xAAAA);       /* timing */
    assert_int_equal(bits_down(6, 28, 18), 0x2AAAA);
    for (unsigned row = 0; row < 4; row++) {
        for (unsigned column = 0; column < 4; column++) {
            if (column % 3 == 0 && row % 3 == 0 && column + row != 6)
                continue; /* a finder is there */
            for (uint32_t y = 0; y < 5; y++) {
                static const uint8_t expected[5] = {0x1F, 0x11, 0x15, 0x11, 0x1F};
                assert_int_equal(bits_right(centres[column] - 2u, centres[row] - 2u + y, 5), expected[y]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correction_is_that_of_the_worked_example),
        cmocka_unit_test(format_is_that_of_the_table),
        cmocka_unit_test(version_is_that_of_the_table),
        cmocka_unit_test(patterns_are_where_readers_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
