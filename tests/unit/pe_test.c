/* kernel/base/pe.c: a small PE, whole, broken in one field at a time and cut anywhere; and relocated there and back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "kernel/base/pe.h"
#include "tests/unit/pe_image.h"

#define IMAGE_BYTES PE_IMAGE_BYTES
#define HEADER      PE_IMAGE_HEADER
#define OPTIONAL    PE_IMAGE_OPTIONAL
#define DIRECTORIES PE_IMAGE_DIRECTORIES
#define SECTION(i)  (PE_IMAGE_TABLE + 40 * (i))
#define RELOC       PE_IMAGE_RELOC

static uint8_t *image; /* IMAGE_BYTES exactly, so that a byte too far is caught */

static int setup(void **state)
{
    (void)state;
    image = malloc(IMAGE_BYTES);
    pe_image_put(image);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(image);
    return 0;
}

static void put16(uint32_t offset, uint16_t value)
{
    pe_image_put16(image, offset, value);
}

static void put32(uint32_t offset, uint32_t value)
{
    pe_image_put32(image, offset, value);
}

static uint64_t get64(uint32_t offset)
{
    uint64_t value;
    memcpy(&value, image + offset, sizeof(value));
    return value;
}

static enum status describe(struct pe_image *out)
{
    enum status status = pe_describe(image, IMAGE_BYTES, out);
    return status == STATUS_OK ? pe_relocate(image, out, 0) : status;
}

static void sound_image(void **state)
{
    (void)state;
    struct pe_image pe;
    put32(DIRECTORIES + 3 * 8, 0x1400);
    put32(DIRECTORIES + 3 * 8 + 4, 24);
    put32(SECTION(1) + 8, 0x1000);
    assert_int_equal(describe(&pe), STATUS_OK);
    assert_int_equal(pe.size_bytes, IMAGE_BYTES);
    assert_int_equal(pe.section_count, PE_IMAGE_SECTIONS);
    assert_string_equal(pe.sections[0].name, ".text");
    assert_int_equal(pe.sections[0].rva, 0x1000);
    assert_int_equal(pe.sections[0].size_bytes, 0x1000); /* 0x800, in whole pages */
    assert_int_equal(pe.sections[1].size_bytes, 0x1000);
    assert_true(pe.sections[0].executable);
    assert_false(pe.sections[0].writable);
    assert_true(pe.sections[2].writable);
    assert_false(pe.sections[2].executable);
    assert_int_equal(pe.exceptions.rva, 0x1400);
    assert_int_equal(pe.exceptions.size_bytes, 24);
    assert_int_equal(pe.relocations.rva, RELOC);
}

/* "PE Format": a name of eight characters has no terminator. */
static void name_of_eight_characters(void **state)
{
    (void)state;
    struct pe_image pe;
    memcpy(image + SECTION(0), "12345678", 8);
    assert_int_equal(describe(&pe), STATUS_OK);
    assert_string_equal(pe.sections[0].name, "12345678");
}

/* A directory beyond NumberOfRvaAndSizes is absent, whatever stands where it would be. */
static void directories_end_where_the_header_says(void **state)
{
    (void)state;
    struct pe_image pe;
    put32(OPTIONAL + 108, 3);
    put32(DIRECTORIES + 3 * 8, 0xFFFFFFFF);
    assert_int_equal(pe_describe(image, IMAGE_BYTES, &pe), STATUS_OK);
    assert_int_equal(pe.exceptions.size_bytes, 0);
    assert_int_equal(pe.relocations.size_bytes, 0);
    assert_int_equal(pe_relocate(image, &pe, 0), STATUS_INVALID);
}

/* One field at a time: where, and what. Each makes an image that is refused. */
static void broken_fields(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset;
        uint32_t value;
    } rows[] = {
        {0, 0},                                 /* no "MZ" */
        {0x3C, IMAGE_BYTES - 2},                /* PE header beyond the end */
        {0x3C, 0xFFFFFFFF},
        {HEADER, 0},                            /* no "PE" */
        {HEADER + 4, 0x0005014C},               /* for i386 */
        {HEADER + 4, 0xFFFF8664},               /* 65,535 sections */
        {HEADER + 20, 0xFFFF},                  /* section table beyond the end */
        {OPTIONAL, 0x10B},                      /* PE32 */
        {OPTIONAL + 32, 0x200},                 /* sections not page-aligned */
        {OPTIONAL + 56, 0},                     /* no size */
        {OPTIONAL + 56, IMAGE_BYTES + 0x1000},  /* larger than what is there */
        {OPTIONAL + 56, IMAGE_BYTES - 1},       /* no whole pages */
        {SECTION(0) + 12, 0x1800},              /* a section off its page */
        {SECTION(0) + 12, 0x3000},              /* out of order */
        {SECTION(0) + 12, IMAGE_BYTES},         /* outside */
        {SECTION(4) + 12, 0xFFFFF000},
        {SECTION(4) + 8, 0x1001},               /* reaching out of the image */
        {SECTION(0) + 8, 0xFFFFFFFF},           /* of 4 GiB */
        {SECTION(0) + 8, 0x1001},               /* reaching into the next */
        {SECTION(1) + 12, 0x1000},              /* on top of the one before */
        {DIRECTORIES + 3 * 8 + 4, 0x6001},      /* unwind tables longer than the image */
        {DIRECTORIES + 5 * 8, 0xFFFFFFF0},      /* relocations outside */
        {DIRECTORIES + 5 * 8 + 4, 0},           /* none */
        {DIRECTORIES + 5 * 8 + 4, 0x1001},      /* reaching out of the image */
        {RELOC + 4, 0},                         /* a block of no size: shim drops discardable sections */
        {RELOC + 4, 7},
        {RELOC + 4, 18},                        /* a block longer than the directory */
        {RELOC + 4, 0xFFFFFFFF},
        {RELOC, 0xFFFFF000},                    /* a page outside */
        {RELOC, IMAGE_BYTES - 0x14},            /* a word half outside */
        {RELOC + 8, 0x3010},                    /* HIGHLOW, for 32-bit images */
        {RELOC + 8, 0xF010},                    /* no type of x86-64 */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct pe_image pe;
        pe_image_put(image);
        put32(rows[i].offset, rows[i].value);
        assert_int_equal(describe(&pe), rows[i].value == 0xFFFF8664 ? STATUS_LIMIT : STATUS_INVALID);
    }
}

static void sections_up_to_the_limit(void **state)
{
    (void)state;
    struct pe_image pe;
    memset(image + SECTION(PE_IMAGE_SECTIONS), 0, 40 * PE_SECTIONS_MAX);
    for (uint32_t i = PE_IMAGE_SECTIONS; i <= PE_SECTIONS_MAX; i++)
        put32(SECTION(i) + 12, IMAGE_BYTES); /* empty, at the end */
    put16(HEADER + 6, PE_SECTIONS_MAX);
    assert_int_equal(describe(&pe), STATUS_OK);
    assert_int_equal(pe.section_count, PE_SECTIONS_MAX);
    put16(HEADER + 6, PE_SECTIONS_MAX + 1);
    assert_int_equal(describe(&pe), STATUS_LIMIT);
}

static void cut_anywhere_is_refused_without_reading_on(void **state)
{
    (void)state;
    for (uint32_t size_bytes = 0; size_bytes < IMAGE_BYTES; size_bytes += size_bytes < 0x400 ? 1 : 0x100) {
        struct pe_image pe;
        uint8_t *cut = malloc(size_bytes + 1);
        memcpy(cut, image, size_bytes);
        assert_int_not_equal(pe_describe(cut, size_bytes, &pe), STATUS_OK);
        free(cut);
    }
}

static void relocation_adds_to_the_named_words(void **state)
{
    (void)state;
    struct pe_image pe;
    put32(0x3010, 0x1234);
    put32(0x3018, 0x5678);
    put32(0x3020, 0x9ABC);
    assert_int_equal(describe(&pe), STATUS_OK);
    assert_int_equal(pe_relocate(image, &pe, 0xFFFFFFFF80000000), STATUS_OK);
    assert_int_equal(get64(0x3010), 0xFFFFFFFF80001234);
    assert_int_equal(get64(0x3018), 0xFFFFFFFF80005678);
    assert_int_equal(get64(0x3020), 0x9ABC);
    assert_int_equal(pe_relocate(image, &pe, 0 - 0xFFFFFFFF80000000), STATUS_OK);
    assert_int_equal(get64(0x3010), 0x1234);
}

/* Two blocks, words at odd places and at a page's end, padding: the image is what it was, to the byte. */
static void there_and_back_is_the_identity(void **state)
{
    (void)state;
    static const uint64_t deltas[] = {0, 1, 0x1000, 0x80000000, 0xFFFFFFFF80000000, UINT64_MAX};
    static const uint16_t second[] = {0xA001, 0xAFF8, 0x0000};
    struct pe_image pe;
    put32(RELOC + 16, 0x4000);
    put32(RELOC + 20, 8 + sizeof(second));
    memcpy(image + RELOC + 24, second, sizeof(second));
    put32(DIRECTORIES + 5 * 8 + 4, 16 + 8 + sizeof(second));
    for (uint32_t i = 0x3000; i < RELOC; i++)
        image[i] = (uint8_t)(i * 7 + (i >> 8));
    assert_int_equal(describe(&pe), STATUS_OK);

    uint8_t before[IMAGE_BYTES];
    memcpy(before, image, IMAGE_BYTES);
    for (size_t i = 0; i < ARRAY_COUNT(deltas); i++) {
        uint64_t last = get64(0x4FF8);
        assert_int_equal(pe_relocate(image, &pe, deltas[i]), STATUS_OK);
        assert_true(get64(0x4FF8) == last + deltas[i]);
        assert_int_equal(pe_relocate(image, &pe, 0 - deltas[i]), STATUS_OK);
        assert_memory_equal(image, before, IMAGE_BYTES);
    }
}

static void checking_writes_nothing(void **state)
{
    (void)state;
    struct pe_image pe;
    uint8_t before[IMAGE_BYTES];
    memcpy(before, image, IMAGE_BYTES);
    assert_int_equal(describe(&pe), STATUS_OK);
    assert_memory_equal(image, before, IMAGE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sound_image, setup, teardown),
        cmocka_unit_test_setup_teardown(name_of_eight_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(directories_end_where_the_header_says, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(sections_up_to_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_anywhere_is_refused_without_reading_on, setup, teardown),
        cmocka_unit_test_setup_teardown(relocation_adds_to_the_named_words, setup, teardown),
        cmocka_unit_test_setup_teardown(there_and_back_is_the_identity, setup, teardown),
        cmocka_unit_test_setup_teardown(checking_writes_nothing, setup, teardown),
    };
    return cmocka_run_group_tests_name("pe", tests, NULL, NULL);
}
