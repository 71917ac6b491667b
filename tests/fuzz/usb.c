/*
 * Descriptors of any content: nothing is read behind them, and what they yield is within the driver's bounds. Then
 * reports: each key that is told changed.
 *
 * Input: a byte of flags (which descriptor, USB 3), and the descriptor; the same bytes are a row of reports.
 */
#include "drivers/usb_descriptor.h"
#include "drivers/usb_keyboard.h"
#include "tests/fuzz/input.h"

static const uint16_t values[] = {USB_DESCRIPTOR_DEVICE, USB_DESCRIPTOR_CONFIGURATION, USB_DESCRIPTOR_HUB,
                                  USB_DESCRIPTOR_HUB_SUPER};

static void check_facts(const struct usb_facts *facts)
{
    const struct usb_function *function = &facts->function;
    CHECK(facts->packet_bytes == 0 || (facts->packet_bytes >= 8 && facts->packet_bytes <= 512));
    CHECK(facts->hub.port_count <= USB_HUB_PORTS_MAX && facts->hub.think_time <= 3);
    CHECK(function->kind == USB_KIND_OTHER || (function->endpoint >= 1 && function->endpoint <= 15));
    CHECK(function->kind == USB_KIND_OTHER || (function->packet_bytes >= 1 && function->packet_bytes <= 1024));
    CHECK(function->kind == USB_KIND_OTHER || function->interval != 0);
}

static void take_reports(const uint8_t *bytes, size_t size_bytes)
{
    struct usb_keyboard keyboard = {0};
    bool down[256] = {false};
    for (; size_bytes >= USB_KEYBOARD_REPORT_BYTES; size_bytes -= USB_KEYBOARD_REPORT_BYTES) {
        struct key_event events[USB_KEYBOARD_EVENTS_MAX];
        unsigned count = usb_keyboard_report(&keyboard, bytes, USB_KEYBOARD_REPORT_BYTES, events);
        CHECK(count <= USB_KEYBOARD_EVENTS_MAX);
        for (unsigned i = 0; i < count; i++) {
            CHECK(down[events[i].usage] != events[i].down && events[i].usage >= 4);
            down[events[i].usage] = events[i].down;
        }
        bytes += USB_KEYBOARD_REPORT_BYTES;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct input input = {bytes, size_bytes};
    uint64_t flags = input_number(&input, 1);
    struct usb_facts facts = {0};
    uint8_t *copy = input_copy(input.next, input.left_bytes);
    if (usb_take_descriptor(&facts, values[flags & 3], copy, input.left_bytes, (flags & 4) != 0))
        check_facts(&facts);
    take_reports(copy, input.left_bytes);
    free(copy);
    return 0;
}
