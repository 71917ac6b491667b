/* boot/failure.c: the bar on the screen and the line on the serial port; ports that are absent or stuck. */
#include "tests/unit/boot_fake.h"

#include <string.h>

#include "boot/failure.h"

#define WIDTH  64u
#define PITCH  80u
#define HEIGHT 40u
#define BAR    32u
#define WHITE  0xFFFFFFFFu

static uint32_t pixels[HEIGHT * PITCH];

static struct handoff_screen screen(uint32_t format)
{
    return (struct handoff_screen){
        .base = (uint64_t)(uintptr_t)pixels,
        .size_bytes = sizeof(pixels),
        .width_pixels = WIDTH,
        .height_pixels = HEIGHT,
        .pitch_pixels = PITCH,
        .format = format,
        .red_mask = 0x3FF00000,
    };
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(pixels, 0, sizeof(pixels));
    return 0;
}

static void fail_with(enum failure failure)
{
    if (setjmp(fake.halted) == 0)
        failure_halt(failure, 16, EFI_INVALID_PARAMETER);
}

/* Code 5 is 00000101: blocks of 8 pixels, the highest bit first; nothing beyond the width or below the bar. */
static void bar_spells_the_code(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    static const struct {
        uint32_t format;
        uint32_t red;
    } rows[] = {{HANDOFF_PIXEL_BGRX, 0xFF0000}, {HANDOFF_PIXEL_RGBX, 0xFF}, {HANDOFF_PIXEL_MASKS, 0x3FF00000}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct handoff_screen described = screen(rows[i].format);
        memset(pixels, 0, sizeof(pixels));
        failure_use_screen(&described, &boot.map);
        fail_with(FAILURE_FAULT);
        for (uint32_t x = 0; x < WIDTH; x++)
            assert_int_equal(pixels[(BAR - 1) * PITCH + x], x / 8 == 5 || x / 8 == 7 ? WHITE : rows[i].red);
        assert_int_equal(pixels[WIDTH], 0);
        assert_int_equal(pixels[BAR * PITCH], 0);
    }
}

static void line_has_code_text_and_numbers(void **state)
{
    (void)state;
    fail_with(FAILURE_EXIT_NEVER_AGREED);
    assert_string_equal(fake.serial, "\r\nkeel: failure 1: ExitBootServices took none of the memory-map keys "
                                     "(0x10, 0x8000000000000002)\r\n");
}

/* A mark is a white block on black, in the place of its number; what fails after it shows its bar over it. */
static void a_mark_shows_and_goes_on(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    struct handoff_screen described = screen(HANDOFF_PIXEL_RGBX);
    memset(pixels, 0x55, sizeof(pixels));
    assert_true(failure_use_screen(&described, &boot.map));
    failure_mark(MARK_PROCESSOR);
    assert_string_equal(fake.serial, "");
    for (uint32_t y = 0; y < 13; y++) {
        for (uint32_t x = 0; x < WIDTH; x++) {
            bool ours = x >= 12 && x < 24 && y < 12; /* the second block of 8 pixels, and 2 around it */
            bool white = x >= 14 && x < 22 && y >= 2 && y < 10;
            assert_int_equal(pixels[y * PITCH + x], white ? WHITE : ours ? 0 : 0x55555555);
        }
    }
    failure_mark(MARK_VIRTUAL_MAP);
    assert_string_equal(fake.serial, "\r\nkeel: calling SetVirtualAddressMap\r\n");
    failure_mark(MARK_SCREEN); /* beyond the right edge of this one */
    assert_int_equal(pixels[WIDTH], 0x55555555);
    fail_with(FAILURE_FAULT);
    assert_int_equal(pixels[6 * 8], 0xFF);
    assert_int_equal(pixels[7 * 8], WHITE);
}

static void absent_port_is_left_alone(void **state)
{
    (void)state;
    fake.serial_status = 0xFF;
    fail_with(FAILURE_FAULT);
    assert_string_equal(fake.serial, "");
    assert_int_equal(fake.serial_polls, 1);
}

static void stuck_port_ends(void **state)
{
    (void)state;
    fake.serial_status = 0;
    fail_with(FAILURE_FAULT);
    assert_true(fake.serial_polls < 3u * 200000u); /* the first characters say that the rest need not be tried */
}

/* A frame buffer in RAM, or one whose numbers cannot be, is not painted on. */
static void unusable_screens_are_not_used(void **state)
{
    (void)state;
    struct handoff_screen bad[4];
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        bad[i] = screen(HANDOFF_PIXEL_BGRX);
    bad[0].size_bytes = 4;
    bad[1].width_pixels = PITCH + 1;
    bad[2].height_pixels = 0;
    bad[3].format = HANDOFF_PIXEL_NONE;
    struct boot boot = fake_boot();
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(failure_use_screen(&bad[i], &boot.map));

    struct handoff_screen in_ram = screen(HANDOFF_PIXEL_BGRX);
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, align_down(in_ram.base, PAGE_SIZE), 1, EFI_MEMORY_WB);
    assert_int_equal(firmware_map_get(boot.system_table, &boot.map), STATUS_OK);
    assert_false(failure_use_screen(&in_ram, &boot.map));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(unusable_screens_are_not_used, setup),
        cmocka_unit_test_setup(bar_spells_the_code, setup),
        cmocka_unit_test_setup(line_has_code_text_and_numbers, setup),
        cmocka_unit_test_setup(a_mark_shows_and_goes_on, setup),
        cmocka_unit_test_setup(absent_port_is_left_alone, setup),
        cmocka_unit_test_setup(stuck_port_ends, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
