/* kernel/console.c and kernel/log.c over a serial port that records and a frame buffer in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/serial.h"
#include "kernel/console.h"
#include "kernel/keyboard.h"
#include "kernel/log.h"
#include "kernel/ps2.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"

/* A 16550 at 0x3F8 and a keyboard controller at 0x60: enough of both to come up. */
static struct {
    char sent[128 * 1024];
    size_t sent_count;
    uint8_t scratch;
    uint8_t line_control;
    const char *typed;
    const uint8_t *scan_codes;
    size_t scan_code_count;
    uint8_t answer;
    bool has_answer;
} machine;

static uint64_t now_us;

uint64_t time_now_us(void)
{
    return now_us;
}

uint64_t fake_tsc(void)
{
    return 0;
}

static uint8_t keyboard_read(void)
{
    if (machine.has_answer) {
        machine.has_answer = false;
        return machine.answer;
    }
    machine.scan_code_count--;
    return *machine.scan_codes++;
}

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    (void)size_bytes;
    switch (port) {
    case 0x3F8:
        return (uint8_t)*machine.typed++;
    case 0x3FA:
        return 0xC1;
    case 0x3FD:
        return machine.typed != NULL && *machine.typed != '\0' ? 0x61 : 0x60;
    case 0x3FF:
        return machine.scratch;
    case 0x60:
        return keyboard_read();
    case 0x64:
        return machine.has_answer || machine.scan_code_count != 0;
    default:
        return 0;
    }
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    (void)size_bytes;
    if (port == 0x3F8 && (machine.line_control & 0x80) == 0) {
        assert_true(machine.sent_count + 1 < sizeof(machine.sent));
        machine.sent[machine.sent_count++] = (char)value;
        machine.sent[machine.sent_count] = '\0';
    } else if (port == 0x3FB) {
        machine.line_control = (uint8_t)value;
    } else if (port == 0x3FF) {
        machine.scratch = (uint8_t)value;
    } else if ((port == 0x64 && (value == 0x20 || value == 0xAA)) || (port == 0x60 && value == 0xF4)) {
        machine.answer = value == 0x20 ? 0x61 : value == 0xAA ? 0x55 : 0xFA;
        machine.has_answer = true;
    }
}

static void forget_sent(void)
{
    machine.sent_count = 0;
    machine.sent[0] = '\0';
}

/* The tests share one console, as the kernel does, and run in the order of a boot. */
static void what_was_said_before_a_port_is_there_is_replayed(void **state)
{
    (void)state;
    print("first %d\n", 1);
    assert_int_equal(machine.sent_count, 0);
    assert_int_equal(keyboard_read_key(), KEY_NONE);
    assert_int_equal(console_attach_serial(0x2F8), STATUS_NOT_FOUND);
    assert_int_equal(console_attach_serial(SERIAL_COM1_PORT), STATUS_OK);
    assert_string_equal(machine.sent, "first 1\r\n");
    print("second %s\n", "line");
    assert_string_equal(machine.sent, "first 1\r\nsecond line\r\n");
}

static uint32_t pixels[320 * 64];

static uint32_t lit_pixels(void)
{
    uint32_t lit = 0;
    for (size_t i = 0; i < ARRAY_COUNT(pixels); i++)
        lit += pixels[i] != 0;
    return lit;
}

static void the_screen_gets_it_too(void **state)
{
    (void)state;
    static uint64_t memory[4096];
    struct screen_mode mode = {
        .size_bytes = sizeof(pixels),
        .width_pixels = 320,
        .height_pixels = 64,
        .pitch_pixels = 320,
        .masks = SCREEN_MASKS_BGRX,
    };
    uint64_t size_bytes;
    assert_int_equal(console_screen_bytes(&mode, &font_files[0], &size_bytes), STATUS_OK);
    assert_in_range(size_bytes, 1, sizeof(memory));
    mode.pixels = pixels;
    mode.pitch_pixels = 319;
    assert_int_equal(console_screen_bytes(&mode, &font_files[0], &size_bytes), STATUS_INVALID);
    assert_int_equal(console_attach_screen(&mode, memory, sizeof(memory)), STATUS_INVALID);
    mode.pitch_pixels = 320;
    assert_int_equal(console_attach_screen(&mode, memory, sizeof(memory)), STATUS_OK);
    assert_true(lit_pixels() > 20); /* "first 1" */
}

static void a_lent_screen_gets_its_text_when_it_is_back(void **state)
{
    (void)state;
    struct screen *screen = console_screen_lend();
    uint32_t lit = lit_pixels();
    assert_non_null(screen);
    screen_fill(screen, 0, 0, 320, 64, 0);
    print("while it is lent\n");
    assert_int_equal(lit_pixels(), 0);
    console_screen_return();
    assert_true(lit_pixels() > lit);
}

/* Errors are red on the screen, and plain text on the serial line. */
static void levels_have_colours_on_the_screen_alone(void **state)
{
    (void)state;
    uint32_t red = 0;
    forget_sent();
    log_error("red");
    assert_string_equal(machine.sent, "error: red\r\n");
    for (size_t i = 0; i < ARRAY_COUNT(pixels); i++)
        red += pixels[i] == 0xC00000;
    assert_true(red > 20);
}

static void steps_share_a_line_that_ends_by_itself(void **state)
{
    (void)state;
    forget_sent();
    console_step("one");
    console_step("two");
    print("said\n");
    console_step("three");
    print("more\n");
    assert_string_equal(machine.sent, "steps: one  two\r\nsaid\r\nsteps: three\r\nmore\r\n");
}

static void pages_are_looked_back_at(void **state)
{
    (void)state;
    uint32_t before = lit_pixels();
    for (int i = 0; i < 20; i++)
        print("a line of text\n");
    uint32_t end = lit_pixels();
    console_page(1); /* nothing to go on to */
    assert_int_equal(lit_pixels(), end);
    console_page(-1);
    assert_true(lit_pixels() > end + 1000); /* the banner is reversed */
    console_page(1);
    assert_int_equal(lit_pixels(), end);
    console_page(-1);
    console_page(0);
    assert_int_equal(lit_pixels(), end);
    assert_int_not_equal(before, end);
}

static void keys_come_from_both_devices(void **state)
{
    (void)state;
    static const uint8_t codes[] = {0x1E, 0x9E, 0xE0, 0x48};
    assert_int_equal(ps2_start(), STATUS_OK);
    machine.typed = "x\x1b[A\r";
    keyboard_poll();
    machine.scan_codes = codes;
    machine.scan_code_count = sizeof(codes);
    keyboard_poll();
    assert_int_equal(keyboard_read_key(), 'x');
    assert_int_equal(keyboard_read_key(), KEY_UP);
    assert_int_equal(keyboard_read_key(), '\n');
    assert_int_equal(keyboard_read_key(), 'a');
    assert_int_equal(keyboard_read_key(), KEY_UP);
    assert_int_equal(keyboard_read_key(), KEY_NONE);
}

/* Longer than the ring: the rest waits in the device and is fetched by the reader, no interrupt needed. */
static void a_long_paste_loses_nothing(void **state)
{
    (void)state;
    char text[1001];
    for (size_t i = 0; i < 1000; i++)
        text[i] = (char)('a' + i % 26);
    text[1000] = '\0';
    machine.typed = text;
    keyboard_poll();
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(keyboard_read_key(), text[i]);
    assert_int_equal(keyboard_read_key(), KEY_NONE);
    machine.typed = ""; /* the text goes with this frame */
}

static void log_lines_are_kept_and_filtered(void **state)
{
    (void)state;
    enum log_level level = LOG_ERROR;
    forget_sent();
    now_us = 1234567;
    log_info("clock %u MHz", 1000u);
    log_debug("not shown");
    log_error("bad");
    assert_string_equal(machine.sent, "clock 1000 MHz\r\nerror: bad\r\n");
    forget_sent();
    log_print();
    assert_string_equal(machine.sent, "[    1.234567] clock 1000 MHz\r\n"
                                      "[    1.234567] debug: not shown\r\n"
                                      "[    1.234567] error: bad\r\n");
    assert_int_equal(log_parse_level("debug", &level), STATUS_OK);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_parse_level("loud", &level), STATUS_INVALID);
    log_set_level(level);
    forget_sent();
    log_debug("shown");
    assert_string_equal(machine.sent, "debug: shown\r\n");
}

static void a_full_log_keeps_the_newest_whole_lines(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_set_level(LOG_ERROR);
    now_us = UINT64_MAX;
    for (int i = 0; i < 500; i++)
        log_warn("%s", text); /* cut at LOG_LINE_MAX */
    log_warn("last");
    forget_sent();
    log_print();
    assert_true(machine.sent_count > LOG_RING_BYTES * 9 / 10);
    assert_int_equal(machine.sent[0], '[');
    assert_non_null(strstr(machine.sent, "warn: last\r\n"));
    const char *end = strchr(machine.sent, '\n');
    assert_true(end - machine.sent < 300);
}

/* A panic may interrupt its own CPU in the middle of a print: it must not wait for a lock that nobody will release. */
static void a_panic_prints_without_locks(void **state)
{
    (void)state;
    console_panic_begin();
    console_panic_begin();
    forget_sent();
    print("panic: %s\n", "test");
    log_error("after");
    assert_string_equal(machine.sent, "panic: test\r\nerror: after\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_said_before_a_port_is_there_is_replayed),
        cmocka_unit_test(the_screen_gets_it_too),
        cmocka_unit_test(a_lent_screen_gets_its_text_when_it_is_back),
        cmocka_unit_test(steps_share_a_line_that_ends_by_itself),
        cmocka_unit_test(pages_are_looked_back_at),
        cmocka_unit_test(keys_come_from_both_devices),
        cmocka_unit_test(a_long_paste_loses_nothing),
        cmocka_unit_test(log_lines_are_kept_and_filtered),
        cmocka_unit_test(a_full_log_keeps_the_newest_whole_lines),
        cmocka_unit_test(levels_have_colours_on_the_screen_alone),
        cmocka_unit_test(a_panic_prints_without_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
