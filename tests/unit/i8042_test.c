/*
 * drivers/i8042.c against a model of the controller and of the keyboard behind it: working, absent, mute, never empty,
 * always full, failing its self-test, not translating; keyboards that are absent, confused, or ask to be told again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/i8042.h"
#include "drivers/keymap.h"
#include "kernel/x86/io.h"

static struct {
    bool absent;
    uint8_t absent_reads;
    bool mute;        /* takes commands, answers nothing */
    bool never_empty; /* always a byte more */
    bool always_full; /* never takes a byte */
    bool no_keyboard;
    bool confused;      /* the keyboard refuses everything but a reset */
    bool no_translation; /* the bit in the configuration does not stay */
    bool no_port_test;
    unsigned resends;    /* how often the keyboard asks for a byte again */
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
    uint8_t keyboard_command; /* whose data byte the keyboard awaits */
    uint8_t lights;           /* as the keyboard has them: Scroll, Num, Caps */
    uint8_t scan_code_set;
    unsigned status_reads;
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
    if (port == 0x64) {
        chip.status_reads++;
        return (full ? (chip.from_mouse ? 0x21u : 0x01u) : 0) | (chip.always_full ? 0x02u : 0);
    }
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
    } else if (command == 0xAB && !chip.no_port_test)
        chip_answer(0x00);
    else if (command == 0xFE)
        chip.reset = true;
    else if (command == 0xAD || command == 0xAE)
        chip.config = (uint8_t)(command == 0xAD ? chip.config | 0x10 : chip.config & ~0x10);
}

/* A byte to the keyboard. */
static void keyboard_command(uint8_t byte)
{
    if (chip.no_keyboard)
        return;
    if (chip.resends != 0 || (chip.confused && byte != 0xFF)) {
        chip.resends -= chip.resends != 0;
        chip_answer(0xFE);
        return;
    }
    if (chip.keyboard_command == 0xED)
        chip.lights = byte;
    else if (chip.keyboard_command == 0xF0)
        chip.scan_code_set = byte;
    else if (byte == 0xF4 || byte == 0xFF)
        chip.scanning = true;
    bool data_follows = chip.keyboard_command == 0 && (byte == 0xED || byte == 0xF0);
    chip.keyboard_command = data_follows ? byte : 0;
    chip_answer(0xFA);
    if (byte == 0xFF)
        chip_answer(0xAA);
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    assert_int_equal(size_bytes, 1);
    if (chip.absent)
        return;
    assert_false(chip.always_full);
    if (port == 0x64) {
        chip_command((uint8_t)value);
    } else if (chip.command == 0x60) {
        chip.config = (uint8_t)(value & ~(chip.no_translation ? 0x40u : 0u));
        chip.command = 0;
    } else {
        keyboard_command((uint8_t)value);
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
    assert_true(i8042.translated);
    assert_int_equal(i8042.port_test, 0);
    assert_int_equal(chip.scan_code_set, 0); /* not asked for: it takes time */
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
    chip.never_empty = false;
    chip.always_full = true;
    assert_int_equal(i8042_init(&i8042), STATUS_TIMEOUT);
    chip.status_reads = 0;
    assert_false(i8042_set_lights(&i8042, 0));
    i8042_pulse_reset();
    assert_in_range(chip.status_reads, 1, 500000);
}

static void without_translation_the_keyboard_is_told_its_set(void **state)
{
    (void)state;
    chip.no_translation = true;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    assert_false(i8042.translated);
    assert_int_equal(chip.scan_code_set, 2);
    assert_true(chip.scanning);
}

static void a_controller_without_a_port_test_works(void **state)
{
    (void)state;
    chip.no_port_test = true;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    assert_true(chip.scanning);
}

/* It is reset, which takes half a second, and what it says then is left for whoever reads. */
static void a_confused_keyboard_is_reset_and_not_waited_for(void **state)
{
    (void)state;
    chip.confused = true;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    assert_true(chip.scanning);
    assert_int_equal(chip.config & 0x01, 0x01);
}

static void a_byte_is_sent_again_when_the_keyboard_wants_it(void **state)
{
    (void)state;
    chip.resends = 2;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    assert_true(chip.scanning);
}

/* Each step wants the answer to the one before it, and a key in between is a key. */
static void lights_are_set_in_steps_between_keys(void **state)
{
    (void)state;
    uint8_t code;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    assert_false(i8042_set_lights(&i8042, LOCK_CAPS));
    assert_false(i8042_set_lights(&i8042, LOCK_CAPS)); /* no answer was read: nothing more is sent */
    assert_int_equal(chip.output_count, 1);
    chip.output[chip.output_count++] = 0x1E;
    assert_false(i8042_read(&i8042, &code)); /* the answer, no key */
    assert_true(i8042_read(&i8042, &code));
    assert_int_equal(code, 0x1E);
    assert_false(i8042_set_lights(&i8042, LOCK_CAPS));
    assert_false(i8042_set_lights(&i8042, LOCK_CAPS)); /* one answer is the answer to one byte */
    assert_false(i8042_read(&i8042, &code));
    assert_true(i8042_set_lights(&i8042, LOCK_CAPS));
    assert_int_equal(chip.lights, 0x04);
    chip.output[chip.output_count++] = 0xFA; /* nothing is awaited: not ours to swallow */
    assert_true(i8042_read(&i8042, &code));
}

static void set_lights(uint8_t locks)
{
    uint8_t code;
    for (unsigned i = 0; i < 10; i++) {
        if (i8042_set_lights(&i8042, locks))
            return;
        (void)i8042_read(&i8042, &code);
    }
    fail();
}

static void every_light_is_its_own(void **state)
{
    (void)state;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    set_lights(LOCK_NUM);
    assert_int_equal(chip.lights, 0x02);
    set_lights(LOCK_SCROLL);
    assert_int_equal(chip.lights, 0x01);
    set_lights(LOCK_NUM | LOCK_CAPS | LOCK_SCROLL);
    assert_int_equal(chip.lights, 0x07);
    chip.resends = 3;
    set_lights(0);
    assert_int_equal(chip.lights, 0x00);
    chip.lights = 0x07;
    set_lights(0); /* the same again is sent again: the keyboard may be another one */
    assert_int_equal(chip.lights, 0x00);
}

static void other_lights_begin_anew_in_the_middle(void **state)
{
    (void)state;
    uint8_t code;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    assert_false(i8042_set_lights(&i8042, LOCK_CAPS));
    assert_false(i8042_read(&i8042, &code));
    chip.keyboard_command = 0; /* a keyboard takes a command in place of the data of another */
    set_lights(LOCK_NUM);
    assert_int_equal(chip.lights, 0x02);
}

static void an_absent_keyboard_takes_no_lights(void **state)
{
    (void)state;
    uint8_t code;
    chip.no_keyboard = true;
    assert_int_equal(i8042_init(&i8042), STATUS_OK);
    for (unsigned i = 0; i < 10; i++) {
        assert_false(i8042_set_lights(&i8042, LOCK_CAPS));
        assert_false(i8042_read(&i8042, &code));
    }
    chip.no_keyboard = false;
    chip.output[chip.output_count++] = 0xAA; /* it is plugged in, and has none of our lights */
    assert_true(i8042_read(&i8042, &code));
    assert_int_equal(code, 0xAA);
    set_lights(LOCK_CAPS);
    assert_int_equal(chip.lights, 0x04);
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
        cmocka_unit_test_setup(without_translation_the_keyboard_is_told_its_set, set_up),
        cmocka_unit_test_setup(a_controller_without_a_port_test_works, set_up),
        cmocka_unit_test_setup(a_confused_keyboard_is_reset_and_not_waited_for, set_up),
        cmocka_unit_test_setup(a_byte_is_sent_again_when_the_keyboard_wants_it, set_up),
        cmocka_unit_test_setup(lights_are_set_in_steps_between_keys, set_up),
        cmocka_unit_test_setup(every_light_is_its_own, set_up),
        cmocka_unit_test_setup(other_lights_begin_anew_in_the_middle, set_up),
        cmocka_unit_test_setup(an_absent_keyboard_takes_no_lights, set_up),
        cmocka_unit_test_setup(a_missing_keyboard_is_waited_for_by_its_interrupt, set_up),
        cmocka_unit_test_setup(a_failing_self_test_is_tolerated, set_up),
        cmocka_unit_test_setup(mouse_bytes_are_dropped, set_up),
        cmocka_unit_test_setup(reset_is_pulsed, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
