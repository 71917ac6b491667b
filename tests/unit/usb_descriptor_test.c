/* drivers/usb_descriptor.c: real descriptors, and each way in which they can be short, long or out of place. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/usb_descriptor.h"

/* Of a receiver for mouse and keyboard: a mouse first, the keyboard's other reports last. */
static const uint8_t composite[] = {
    9, 2, 84, 0, 3, 1, 4, 0xA0, 49,
    9, 4, 0, 0, 1, 3, 1, 2, 0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 93, 0, 7, 5, 0x82, 3, 8, 0, 2,
    9, 4, 1, 0, 1, 3, 1, 1, 0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 59, 0, 7, 5, 0x81, 3, 8, 0, 8,
    9, 4, 2, 0, 1, 3, 0, 0, 0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 54, 0, 7, 5, 0x83, 3, 32, 0, 2,
};

static bool take(struct usb_facts *facts, uint16_t value, const void *bytes, size_t size_bytes, bool super)
{
    uint8_t *copy = malloc(size_bytes + (size_bytes == 0)); /* so that ASan sees one byte more being read */
    memcpy(copy, bytes, size_bytes);
    bool good = usb_take_descriptor(facts, value, copy, size_bytes, super);
    free(copy);
    return good;
}

static void keyboard_of_a_composite_device(void **state)
{
    (void)state;
    struct usb_facts facts = {0};
    assert_true(take(&facts, USB_DESCRIPTOR_CONFIGURATION, composite, sizeof(composite), false));
    assert_int_equal(facts.function.kind, USB_KIND_KEYBOARD);
    assert_int_equal(facts.function.configuration, 1);
    assert_int_equal(facts.function.interface, 1);
    assert_int_equal(facts.function.endpoint, 1);
    assert_int_equal(facts.function.packet_bytes, 8);
    assert_int_equal(facts.function.interval, 8);
}

/* Cut anywhere, it is what was whole before. */
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t size_bytes = 0; size_bytes <= sizeof(composite); size_bytes++) {
        struct usb_facts facts = {0};
        bool good = take(&facts, USB_DESCRIPTOR_CONFIGURATION, composite, size_bytes, false);
        assert_int_equal(good, size_bytes >= 9);
        assert_int_equal(facts.function.kind, size_bytes >= 59 ? USB_KIND_KEYBOARD : USB_KIND_OTHER);
    }
}

static void nonsense_in_a_configuration(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
        enum usb_kind kind;
    } rows[] = {
        {34, 0, USB_KIND_OTHER},       /* a descriptor of no length would never end */
        {34, 1, USB_KIND_OTHER},
        {34, 0xFF, USB_KIND_OTHER},    /* longer than the rest */
        {37, 1, USB_KIND_OTHER},       /* another setting */
        {40, 0, USB_KIND_OTHER},       /* no boot interface */
        {54, 0x01, USB_KIND_OTHER},    /* OUT */
        {54, 0x80, USB_KIND_OTHER},    /* endpoint 0 */
        {55, 2, USB_KIND_OTHER},       /* bulk */
        {56, 0, USB_KIND_OTHER},       /* packets of no size */
        {57, 7, USB_KIND_OTHER},       /* or beyond 1024 */
        {58, 0, USB_KIND_OTHER},       /* no interval */
        {57, 0xF8, USB_KIND_KEYBOARD}, /* reserved bits mean nothing */
        {39, 9, USB_KIND_HUB},
        {34, 7, USB_KIND_OTHER},       /* an interface that is too short, and what follows from that */
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t bytes[sizeof(composite)];
        struct usb_facts facts = {0};
        memcpy(bytes, composite, sizeof(bytes));
        bytes[rows[i].at] = rows[i].value;
        assert_true(take(&facts, USB_DESCRIPTOR_CONFIGURATION, bytes, sizeof(bytes), false));
        assert_int_equal(facts.function.kind, rows[i].kind);
    }
}

static void device(void **state)
{
    (void)state;
    uint8_t bytes[18] = {18, 1, 0, 2, 0, 0, 0, 64, 0x6D, 0x04, 0x2B, 0xC5, 0, 0, 1, 2, 0, 1};
    struct usb_facts facts = {0};
    assert_true(take(&facts, USB_DESCRIPTOR_DEVICE, bytes, 8, false));
    assert_int_equal(facts.packet_bytes, 64);
    assert_int_equal(facts.vendor_id, 0);
    assert_true(take(&facts, USB_DESCRIPTOR_DEVICE, bytes, 18, false));
    assert_int_equal(facts.vendor_id, 0x046D);
    assert_int_equal(facts.product_id, 0xC52B);
    assert_false(take(&facts, USB_DESCRIPTOR_DEVICE, bytes, 7, false));
    assert_false(take(&facts, USB_DESCRIPTOR_CONFIGURATION, bytes, 18, false)); /* not what was asked for */
    assert_false(take(&facts, USB_DESCRIPTOR_DEVICE, bytes, 18, true));         /* 2^64 */
    bytes[7] = 9;
    assert_false(take(&facts, USB_DESCRIPTOR_DEVICE, bytes, 18, false));
    assert_int_equal(facts.packet_bytes, 64);
    assert_true(take(&facts, USB_DESCRIPTOR_DEVICE, bytes, 18, true));
    assert_int_equal(facts.packet_bytes, 512);
}

static void hubs(void **state)
{
    (void)state;
    uint8_t old[9] = {9, 0x29, 4, 0xE9, 0, 50, 100, 0, 0xFF};
    uint8_t super[12] = {12, 0x2A, 4, 9, 0, 25, 0, 0, 0, 0, 0, 0};
    struct usb_facts facts = {0};
    assert_true(take(&facts, USB_DESCRIPTOR_HUB, old, 7, false));
    assert_int_equal(facts.hub.port_count, 4);
    assert_int_equal(facts.hub.think_time, 3);
    assert_int_equal(facts.hub.power_good_us, 100000);
    assert_true(take(&facts, USB_DESCRIPTOR_HUB_SUPER, super, 12, true));
    assert_int_equal(facts.hub.think_time, 0);
    assert_int_equal(facts.hub.power_good_us, 50000);
    assert_false(take(&facts, USB_DESCRIPTOR_HUB, old, 6, false));
    old[2] = 0;
    assert_false(take(&facts, USB_DESCRIPTOR_HUB, old, 9, false));
    old[2] = 200;
    assert_true(take(&facts, USB_DESCRIPTOR_HUB, old, 9, false));
    assert_int_equal(facts.hub.port_count, USB_HUB_PORTS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyboard_of_a_composite_device),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(nonsense_in_a_configuration),
        cmocka_unit_test(device),
        cmocka_unit_test(hubs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
