/* drivers/usb_keyboard.c: what changes from one boot report to the next. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/usb_keyboard.h"

static struct usb_keyboard keyboard;
static struct key_event events[USB_KEYBOARD_EVENTS_MAX];

static int set_up(void **state)
{
    (void)state;
    memset(&keyboard, 0, sizeof(keyboard));
    return 0;
}

static unsigned report(uint8_t modifiers, uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t e, uint8_t f)
{
    uint8_t bytes[] = {modifiers, 0xAA, a, b, c, d, e, f};
    return usb_keyboard_report(&keyboard, bytes, sizeof(bytes), events);
}

static void down_and_up(void **state)
{
    (void)state;
    assert_int_equal(report(0, 4, 0, 0, 0, 0, 0), 1);
    assert_true(events[0].usage == 4 && events[0].down);
    assert_int_equal(report(0, 4, 0, 0, 0, 0, 0), 0); /* held */
    assert_int_equal(report(0, 5, 4, 0, 0, 0, 0), 1); /* the order means nothing */
    assert_true(events[0].usage == 5 && events[0].down);
    assert_int_equal(report(0, 5, 0, 0, 0, 0, 0), 1);
    assert_true(events[0].usage == 4 && !events[0].down);
}

/* Shift and a letter in one report: the letter is a capital. */
static void modifiers_first(void **state)
{
    (void)state;
    assert_int_equal(report(0x82, 4, 0, 0, 0, 0, 0), 3);
    assert_true(events[0].usage == 0xE1 && events[0].down);
    assert_true(events[1].usage == 0xE7 && events[1].down);
    assert_true(events[2].usage == 4 && events[2].down);
}

/* Too many keys: those that are down stay so, modifiers are still told. */
static void rollover(void **state)
{
    (void)state;
    assert_int_equal(report(0, 4, 5, 0, 0, 0, 0), 2);
    assert_int_equal(report(1, 1, 1, 1, 1, 1, 1), 1);
    assert_true(events[0].usage == 0xE0 && events[0].down);
    assert_int_equal(report(1, 4, 0, 0, 0, 0, 0), 1);
    assert_true(events[0].usage == 5 && !events[0].down);
}

static void as_much_as_can_change(void **state)
{
    (void)state;
    assert_int_equal(report(0, 4, 5, 6, 7, 8, 9), 6);
    assert_int_equal(report(0xFF, 10, 11, 12, 13, 14, 15), USB_KEYBOARD_EVENTS_MAX);
}

static void no_keys(void **state)
{
    (void)state;
    assert_int_equal(report(0, 2, 3, 0xE0, 0xFF, 7, 7), 1); /* errors, modifiers out of place, one twice */
    assert_true(events[0].usage == 7);
    uint8_t bytes[16] = {0};
    assert_int_equal(usb_keyboard_report(&keyboard, bytes, 7, events), 0);  /* cut: means nothing */
    assert_int_equal(usb_keyboard_report(&keyboard, bytes, 0, events), 0);
    assert_int_equal(usb_keyboard_report(&keyboard, bytes, 16, events), 1); /* longer: its beginning counts */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(down_and_up, set_up),           cmocka_unit_test_setup(modifiers_first, set_up),
        cmocka_unit_test_setup(rollover, set_up),              cmocka_unit_test_setup(as_much_as_can_change, set_up),
        cmocka_unit_test_setup(no_keys, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
