/* boot/image.c: the small PE of pe_image.h where our own would be. */
#include "tests/unit/boot_fake.h"

#include <string.h>

#include "boot/image.h"
#include "tests/unit/pe_image.h"

static int setup(void **state)
{
    (void)state;
    fake_reset();
    pe_image_put(__ImageBase);
    return 0;
}

static void boot_sections_must_be_one_run(void **state)
{
    (void)state;
    struct pe_image pe;
    struct handoff_range range;
    assert_int_equal(pe_describe(__ImageBase, PE_IMAGE_BYTES, &pe), STATUS_OK);
    assert_int_equal(image_find_boot(&pe, &range), STATUS_OK);
    assert_int_equal(range.start, 0x2000);
    assert_int_equal(range.size_bytes, 0x3000);
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
    assert_true(image_check(&boot));
    assert_int_equal(boot.handoff->image.start, (uintptr_t)__ImageBase);
    assert_int_equal(boot.handoff->image.size_bytes, PE_IMAGE_BYTES);
    assert_int_equal(boot.handoff->image_boot.start, (uintptr_t)__ImageBase + 0x2000);
    assert_int_equal((uintptr_t)__ImageBase + image_delta(&boot), IMAGE_WINDOW);
}

static void check_says_what_is_wrong(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    memset(__ImageBase + PE_IMAGE_RELOC, 0, 16);
    assert_false(image_check(&boot));
    assert_non_null(strstr(fake.text, "keel: cannot start: the image's relocations: invalid"));
}

static void relocation_moves_to_the_high_half(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    pe_image_put32(__ImageBase, 0x3010, 0x1234);
    assert_true(image_check(&boot));
    boot.handoff->layout.image = IMAGE_WINDOW + 0x1234000;
    image_relocate(&boot);
    uint64_t word;
    memcpy(&word, __ImageBase + 0x3010, sizeof(word));
    assert_int_equal(word, image_delta(&boot) + 0x1234);
    assert_int_equal(image_delta(&boot) + (uintptr_t)__ImageBase, IMAGE_WINDOW + 0x1234000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(boot_sections_must_be_one_run, setup),
        cmocka_unit_test_setup(check_fills_the_handoff, setup),
        cmocka_unit_test_setup(check_says_what_is_wrong, setup),
        cmocka_unit_test_setup(relocation_moves_to_the_high_half, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
