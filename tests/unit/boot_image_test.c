/*
 * boot/image.c, and kernel/base/pe.c as boot uses it: a small PE as the linker lays out ours, whole and broken.
 *
 *   0x0000 headers   0x1000 .text   0x2000 .boot   0x3000 .bootd   0x4000 .bootz   0x5000 .reloc   0x6000 end
 */
#include "tests/unit/boot_fake.h"

#include <stdlib.h>
#include <string.h>

#include "boot/image.h"
#include "mm/layout.h"

#define IMAGE_BYTES    0x6000u
#define PE_OFFSET      0x80u
#define OPTIONAL       (PE_OFFSET + 24)
#define SECTION_TABLE  (OPTIONAL + 240)
#define RELOC_RVA      0x5000u
#define DIR64(offset)  ((uint16_t)(10u << 12 | (offset)))

#define READ    0x40000000u
#define EXECUTE 0x20000000u
#define WRITE   0x80000000u

static const struct {
    char name[8];
    uint32_t rva;
    uint32_t flags;
} layout[] = {
    {".text", 0x1000, READ | EXECUTE}, {".boot", 0x2000, READ | EXECUTE}, {".bootd", 0x3000, READ | WRITE},
    {".bootz", 0x4000, READ | WRITE},  {".reloc", RELOC_RVA, READ},
};

static uint8_t *image; /* IMAGE_BYTES exactly, so that a byte too far is caught */

static void put16(uint32_t offset, uint16_t value)
{
    memcpy(image + offset, &value, sizeof(value));
}

static void put32(uint32_t offset, uint32_t value)
{
    memcpy(image + offset, &value, sizeof(value));
}

static uint64_t get64(uint32_t offset)
{
    uint64_t value;
    memcpy(&value, image + offset, sizeof(value));
    return value;
}

static void put_sections(void)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(layout); i++) {
        uint32_t header = SECTION_TABLE + 40 * i;
        memcpy(image + header, layout[i].name, 8);
        put32(header + 8, 0x800);
        put32(header + 12, layout[i].rva);
        put32(header + 36, layout[i].flags);
    }
}

/* Two words to relocate, at 0x3010 and 0x3018, and padding. */
static void put_relocations(void)
{
    put32(RELOC_RVA, 0x3000);
    put32(RELOC_RVA + 4, 16);
    put16(RELOC_RVA + 8, DIR64(0x10));
    put16(RELOC_RVA + 10, DIR64(0x18));
    put32(OPTIONAL + 112 + 5 * 8, RELOC_RVA);
    put32(OPTIONAL + 112 + 5 * 8 + 4, 16);
}

static void put_image(void)
{
    memset(image, 0, IMAGE_BYTES);
    put16(0, 0x5A4D);
    put32(0x3C, PE_OFFSET);
    put32(PE_OFFSET, 0x4550);
    put16(PE_OFFSET + 4, 0x8664);
    put16(PE_OFFSET + 6, ARRAY_COUNT(layout));
    put16(PE_OFFSET + 20, 240);
    put16(OPTIONAL, 0x20B);
    put32(OPTIONAL + 32, 0x1000);
    put32(OPTIONAL + 56, IMAGE_BYTES);
    put32(OPTIONAL + 108, 16);
    put_sections();
    put_relocations();
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    image = malloc(IMAGE_BYTES);
    put_image();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(image);
    return 0;
}

static enum status describe(struct pe_image *out)
{
    enum status status = pe_describe(image, IMAGE_BYTES, out);
    return status == STATUS_OK ? pe_check_relocations(image, out) : status;
}

static void sound_image(void **state)
{
    (void)state;
    struct pe_image pe;
    struct handoff_range boot_part;
    assert_int_equal(describe(&pe), STATUS_OK);
    assert_int_equal(pe.section_count, ARRAY_COUNT(layout));
    assert_true(pe.sections[0].executable);
    assert_false(pe.sections[0].writable);
    assert_true(pe.sections[2].writable);
    assert_int_equal(image_find_boot(&pe, &boot_part), STATUS_OK);
    assert_int_equal(boot_part.start, 0x2000);
    assert_int_equal(boot_part.size_bytes, 0x3000);
}

static void relocation_adds_to_the_named_words(void **state)
{
    (void)state;
    struct pe_image pe;
    put32(0x3010, 0x1234);
    put32(0x3018, 0x5678);
    put32(0x3020, 0x9ABC);
    assert_int_equal(describe(&pe), STATUS_OK);
    pe_relocate(image, &pe, 0xFFFFFFFF80000000);
    assert_int_equal(get64(0x3010), 0xFFFFFFFF80001234);
    assert_int_equal(get64(0x3018), 0xFFFFFFFF80005678);
    assert_int_equal(get64(0x3020), 0x9ABC);
    pe_relocate(image, &pe, 0 - 0xFFFFFFFF80000000);
    assert_int_equal(get64(0x3010), 0x1234);
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
        {PE_OFFSET, 0},                         /* no "PE" */
        {PE_OFFSET + 4, 0x0005014C},            /* for i386 */
        {PE_OFFSET + 4, 0xFFFF8664},            /* 65,535 sections */
        {OPTIONAL, 0x10B},                      /* PE32 */
        {OPTIONAL + 32, 0x200},                 /* sections not page-aligned */
        {OPTIONAL + 56, 0},                     /* no size */
        {OPTIONAL + 56, IMAGE_BYTES + 0x1000},  /* larger than what is there */
        {OPTIONAL + 56, IMAGE_BYTES - 1},       /* no whole pages */
        {SECTION_TABLE + 12, 0x1800},           /* a section off its page */
        {SECTION_TABLE + 12, 0x3000},           /* out of order */
        {SECTION_TABLE + 12, IMAGE_BYTES},      /* outside */
        {SECTION_TABLE + 8, 0xFFFFFFFF},        /* of 4 GiB */
        {SECTION_TABLE + 8, 0x1001},            /* reaching into the next */
        {OPTIONAL + 112 + 5 * 8, 0xFFFFFFF0},   /* relocations outside */
        {OPTIONAL + 112 + 5 * 8 + 4, 0},        /* none */
        {RELOC_RVA + 4, 0},                     /* a block of no size: shim drops discardable sections */
        {RELOC_RVA + 4, 7},
        {RELOC_RVA + 4, 0x1000},                /* a block longer than the directory */
        {RELOC_RVA, 0xFFFFF000},                /* a page outside */
        {RELOC_RVA, IMAGE_BYTES - 0x14},        /* a word half outside */
        {RELOC_RVA + 8, 0x3010},                /* HIGHLOW, for 32-bit images */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct pe_image pe;
        put_image();
        put32(rows[i].offset, rows[i].value);
        assert_int_not_equal(describe(&pe), STATUS_OK);
    }
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

static void boot_sections_must_be_one_run(void **state)
{
    (void)state;
    struct pe_image pe;
    struct handoff_range range;
    assert_int_equal(describe(&pe), STATUS_OK);
    memcpy(pe.sections[2].name, ".other", 7);
    assert_int_equal(image_find_boot(&pe, &range), STATUS_INVALID);
    pe.section_count = 1;
    assert_int_equal(image_find_boot(&pe, &range), STATUS_NOT_FOUND);
    pe.sections[0].writable = true;
    assert_int_equal(image_find_boot(&pe, &range), STATUS_INVALID);
}

static void check_fills_the_handoff(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    memcpy(__ImageBase, image, IMAGE_BYTES);
    assert_true(image_check(&boot));
    assert_int_equal(boot.handoff->image.start, (uintptr_t)__ImageBase);
    assert_int_equal(boot.handoff->image.size_bytes, IMAGE_BYTES);
    assert_int_equal(boot.handoff->image_boot.start, (uintptr_t)__ImageBase + 0x2000);
    assert_int_equal((uintptr_t)__ImageBase + image_delta(), KERNEL_IMAGE_BASE);
}

static void check_says_what_is_wrong(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    memcpy(__ImageBase, image, IMAGE_BYTES);
    memset(__ImageBase + RELOC_RVA, 0, 16);
    assert_false(image_check(&boot));
    assert_non_null(strstr(fake.text, "keel: cannot start: the image's relocations: invalid"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sound_image, setup, teardown),
        cmocka_unit_test_setup_teardown(relocation_adds_to_the_named_words, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_anywhere_is_refused_without_reading_on, setup, teardown),
        cmocka_unit_test_setup_teardown(boot_sections_must_be_one_run, setup, teardown),
        cmocka_unit_test_setup_teardown(check_fills_the_handoff, setup, teardown),
        cmocka_unit_test_setup_teardown(check_says_what_is_wrong, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
