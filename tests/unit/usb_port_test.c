/* drivers/usb_port.c: a port's life under a clock of ours. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/usb_port.h"

static struct usb_port port;
static uint64_t now_us;

static int set_up(void **state)
{
    (void)state;
    memset(&port, 0, sizeof(port));
    now_us = 1000000;
    return 0;
}

static enum usb_port_action look(uint32_t word, bool changed, bool super, bool may_reset)
{
    return usb_port_look(&port, (struct usb_port_status){word, changed, super, 3}, may_reset, now_us);
}

/* 100 ms after the last change of its contact, its turn, 10 ms after the reset: not before. */
static void times_are_kept(void **state)
{
    (void)state;
    assert_int_equal(look(1, true, false, true), USB_PORT_NOTHING);
    now_us += 90000;
    assert_int_equal(look(1, true, false, true), USB_PORT_NOTHING); /* it bounced */
    now_us += 90000;
    assert_false(usb_port_is_due(&port, now_us));
    assert_int_equal(look(1, false, false, true), USB_PORT_NOTHING);
    now_us += 10000;
    assert_true(usb_port_is_due(&port, now_us));
    assert_int_equal(look(1, false, false, false), USB_PORT_NOTHING); /* another one's turn */
    assert_false(usb_port_is_due(&port, now_us)); /* it waits, and does not ask all the time */
    now_us += 20000;
    assert_int_equal(look(1, false, false, true), USB_PORT_RESET);
    assert_true(usb_port_is_resetting(&port));
    assert_int_equal(look(0x11, false, false, true), USB_PORT_NOTHING);
    assert_int_equal(look(0x13, false, false, true), USB_PORT_NOTHING); /* enabled, but it still resets */
    assert_int_equal(port.state, USB_PORT_RESETTING);
    assert_int_equal(look(0x03, true, false, true), USB_PORT_NOTHING); /* the change is the reset's */
    assert_int_equal(port.state, USB_PORT_RECOVERING);
    now_us += 9000;
    assert_int_equal(look(0x03, false, false, true), USB_PORT_NOTHING);
    now_us += 1000;
    assert_int_equal(look(0x03, false, false, true), USB_PORT_ATTACH);
    assert_false(usb_port_is_busy(&port));
}

static void run_to(enum usb_port_state wanted, uint32_t word, bool super)
{
    for (unsigned i = 0; port.state != wanted; i++) {
        assert_true(i < 1000);
        now_us += 10000;
        (void)look(word, false, super, true);
    }
}

static void reset_that_never_ends(void **state)
{
    (void)state;
    unsigned resets = 0;
    for (unsigned i = 0; port.state != USB_PORT_FAILED; i++) {
        assert_true(i < 1000);
        now_us += 10000;
        resets += look(0x11, false, false, true) == USB_PORT_RESET;
    }
    assert_int_equal(resets, USB_ATTEMPTS_MAX);
    assert_false(usb_port_is_busy(&port));
    assert_int_equal(look(0, true, false, true), USB_PORT_NOTHING);
    run_to(USB_PORT_TAKEN, 3, false); /* the next one there begins anew */
}

static void leaves_from_any_state(void **state)
{
    (void)state;
    for (enum usb_port_state at = USB_PORT_SETTLING; at <= USB_PORT_TAKEN; at++) {
        memset(&port, 0, sizeof(port));
        run_to(at, at == USB_PORT_RESETTING ? 1 : 3, false);
        assert_int_equal(look(0, true, false, true), at == USB_PORT_TAKEN ? USB_PORT_DETACH : USB_PORT_NOTHING);
        assert_int_equal(port.state, USB_PORT_EMPTY);
    }
}

/* Out and in again between two looks: what is there is another one. */
static void replaced_unseen(void **state)
{
    (void)state;
    run_to(USB_PORT_TAKEN, 3, false);
    assert_int_equal(look(1, true, false, true), USB_PORT_DETACH);
    assert_int_equal(port.state, USB_PORT_SETTLING);
    run_to(USB_PORT_TAKEN, 3, false);
}

static void turned_off_by_itself(void **state)
{
    (void)state;
    for (unsigned i = 0; i < USB_ATTEMPTS_MAX; i++) {
        run_to(USB_PORT_TAKEN, 3, false);
        assert_int_equal(look(1, false, false, true), USB_PORT_DETACH);
    }
    assert_int_equal(port.state, USB_PORT_FAILED);
}

static void links_of_usb_3(void **state)
{
    (void)state;
    run_to(USB_PORT_RECOVERING, 3, true); /* trained: no reset */
    memset(&port, 0, sizeof(port));
    (void)look(6 << 5, false, true, true); /* inactive: nothing shows, and a warm reset helps */
    now_us += 100000;
    assert_int_equal(look(6 << 5, false, true, true), USB_PORT_WARM_RESET);
    assert_int_equal(look(3, false, true, true), USB_PORT_NOTHING);
    assert_int_equal(port.state, USB_PORT_RECOVERING);
    run_to(USB_PORT_TAKEN, 3, true);
    assert_false(usb_port_failed(&port, now_us)); /* the device did not work: a reset this time */
    now_us += 100000;
    assert_int_equal(look(3, false, true, true), USB_PORT_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(times_are_kept, set_up),       cmocka_unit_test_setup(reset_that_never_ends, set_up),
        cmocka_unit_test_setup(leaves_from_any_state, set_up), cmocka_unit_test_setup(replaced_unseen, set_up),
        cmocka_unit_test_setup(turned_off_by_itself, set_up), cmocka_unit_test_setup(links_of_usb_3, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
