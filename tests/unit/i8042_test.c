/* drivers/i8042.c against a model of the controller: working, absent, mute, never empty, failing its self-test. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/i8042.h"
#include "kernel/x86/io.h"

static struct {
    bool absent;
    uint8_t absent_reads;
    bool mute;        /* takes commands, answers nothing */
    bool never_empty; /* always a byte more */
    bool no_keyboard;
    bool resets_config; /* the self-test does */
    uint8_t self_test;
    uint8_t config;
    uint8_t command; /* whose data byte is awaited */
    uint8_t status;
    uint8_t output[16];
    unsigned output_count;
    bool from_mouse;
    bool scanning;
    bool reset;
} chip;

static struct i8042 i8042;

static void chip_answer(uint8_t byte)
{
    if (!chip.mute)
        chip.output[chip.output_count++] = byte;
}

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    assert_int_equal(size_bytes, 1);
    if (chip.absent)
        return chip.absent_reads;
    bool full = chip.never_empty || chip.output_count != 0;
    if (port == 0x64)
        return full ? (chip.from_mouse ? 0x21 : 0x01) : 0;
    uint8_t byte = chip.output[0];
    if (chip.output_count != 0)
        memmove(chip.output, chip.output + 1, --chip.output_count);
    return byte;
}

static void chip_command(uint8_t command)
{
    chip.command = command;
    if (command == 0x20)
        chip_answer(chip.config);
    else if (command == 0xAA) {
        if (chip.resets_config)
            chip.config = 0x30;
        chip_answer(chip.self_test);
    } else if (command == 0xFE)
        chip.reset = true;
    else if (command == 0xAD || command == 0xAE)
        chip.config = (uint8_t)(command == 0xAD ? chip.config | 0x10 : chip.config & ~0x10);
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    assert_int_equal(size_bytes, 1);
    if (chip.absent)
        return;
    if (port == 0x64) {
        chip_command((uint8_t)value);
    } else if (chip.command == 0x60) {
        chip.config = (uint8_t)value;
        chip.command = 0;
    } else if (value == 0xF4 && !chip.no_keyboard) {
        chip.scanning = true;
        chip_answer(0xFA);
    }
}

static int set_up(void **state)
{
    (void)state;
    memset(&chip, 0, sizeof(chip));
    chip.self_test = 0x55;
    chip.config = 0x37;
    return 0;
}

static void it_comes_up_translating_with_its_interrupt(void **state)
{
    (void)state;
    chip.output[chip.output_count++] = 0x1C; /* typed in the boot menu: drained */
    chip.resets_config = true;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    assert_int_equal(chip.config & 0x73, 0x61); /* port on, translated, its interrupt; no mouse */
    assert_true(chip.scanning);
    uint8_t code;
    assert_false(i8042_read(&i8042, &code));
}

static void absence_is_normal(void **state)
{
    (void)state;
    uint8_t code;
    chip.absent = true;
    chip.absent_reads = 0xFF;
    assert_int_equal(i8042_init(&i8042), STATUS_NOT_FOUND);
    assert_false(i8042_read(&i8042, &code));
    i8042_pulse_reset();
    chip.absent_reads = 0x00; /* some machines read zeros instead */
    assert_int_equal(i8042_init(&i8042), STATUS_TIMEOUT);
}

static void every_wait_and_drain_ends(void **state)
{
    (void)state;
    chip.mute = true;
    assert_int_equal(i8042_init(&i8042), STATUS_TIMEOUT);
    chip.mute = false;
    chip.never_empty = true;
    assert_int_equal(i8042_init(&i8042), STATUS_DEVICE);
}

static void a_missing_keyboard_is_waited_for_by_its_interrupt(void **state)
{
    (void)state;
    chip.no_keyboard = true;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    assert_int_equal(chip.config & 0x01, 0x01);
}

static void a_failing_self_test_is_tolerated(void **state)
{
    (void)state;
    chip.self_test = 0xFC;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
}

static void mouse_bytes_are_dropped(void **state)
{
    (void)state;
    uint8_t code;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    chip.output[chip.output_count++] = 0x1E;
    chip.from_mouse = true;
    assert_false(i8042_read(&i8042, &code));
    chip.from_mouse = false;
    chip.output[chip.output_count++] = 0x1E;
    assert_true(i8042_read(&i8042, &code));
    assert_int_equal(code, 0x1E);
}

static void reset_is_pulsed(void **state)
{
    (void)state;
    i8042_pulse_reset();
    assert_true(chip.reset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_comes_up_translating_with_its_interrupt, set_up),
        cmocka_unit_test_setup(absence_is_normal, set_up),
        cmocka_unit_test_setup(every_wait_and_drain_ends, set_up),
        cmocka_unit_test_setup(a_missing_keyboard_is_waited_for_by_its_interrupt, set_up),
        cmocka_unit_test_setup(a_failing_self_test_is_tolerated, set_up),
        cmocka_unit_test_setup(mouse_bytes_are_dropped, set_up),
        cmocka_unit_test_setup(reset_is_pulsed, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
