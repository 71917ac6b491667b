/* The xHCI driver against a controller that can do what no real one of ours does when asked to. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/unit/xhci_model.h"

static struct xhci xhci;
static struct model_device keyboard;
static struct model_device hub;

static int set_up(void **state)
{
    (void)state;
    model_begin();
    keyboard = (struct model_device){.speed = USB_SPEED_LOW, .class_code = 3, .packet_bytes = 8};
    hub = (struct model_device){.speed = USB_SPEED_HIGH, .class_code = 9, .packet_bytes = 64};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    model_end();
    return 0;
}

static void start(void)
{
    model_start();
    assert_int_equal(xhci_init(&xhci, model.registers, sizeof(model.registers), &model_services), STATUS_OK);
    assert_int_equal(xhci_take_over(&xhci), STATUS_OK);
    assert_int_equal(xhci_start(&xhci), STATUS_OK);
    model_settle(&xhci);
}

static void press_a(struct model_device *device)
{
    static const uint8_t down[8] = {0, 0, 4};
    static const uint8_t up[8] = {0};
    uint32_t before = model.key_count;
    model_report(device, down, 8, 1);
    model_report(device, up, 8, 1);
    model_settle(&xhci);
    assert_int_equal(model.key_count, before + 2);
    assert_true(model.keys[before].usage == 4 && model.keys[before].down);
    assert_true(model.keys[before + 1].usage == 4 && !model.keys[before + 1].down);
}

/* ---- Taking it from the firmware ---- */

static void firmware_lets_go(void **state)
{
    (void)state;
    model.legacy = true;
    start();
    assert_false(xhci.kept);
    assert_int_equal(model.registers[0xC00 / 4] & 0x01010000, 0x01000000);
    assert_int_equal(model.registers[0xC04 / 4] & 0x0000E011, 0); /* no more SMIs, what need not change is as it was */
    assert_int_equal(model.registers[0xC04 / 4] & 0x000E0000, 0x000E0000);
}

/* A second, not for ever; then it is taken all the same. */
static void firmware_keeps_it(void **state)
{
    (void)state;
    model.legacy = model.firmware_keeps_it = true;
    start();
    assert_true(xhci.kept);
    assert_in_range(model.now_us, 1000000, 3000000);
    assert_int_equal(model.registers[0xC00 / 4] & 0x01010000, 0x01000000);
    model_plug(1, &keyboard);
    model_settle(&xhci);
    press_a(&keyboard);
}

/* Left with an error, it does not even halt; the reset helps. */
static void left_with_an_error(void **state)
{
    (void)state;
    model_start();
    model.registers[0x44 / 4] = XHCI_USBSTS_HCE;
    assert_int_equal(xhci_init(&xhci, model.registers, sizeof(model.registers), &model_services), STATUS_OK);
    assert_int_equal(xhci_take_over(&xhci), STATUS_OK);
    assert_int_equal(xhci_start(&xhci), STATUS_OK);
}

static void reset_never_ends(void **state)
{
    (void)state;
    model.never_resets = true;
    model_start();
    assert_int_equal(xhci_init(&xhci, model.registers, sizeof(model.registers), &model_services), STATUS_OK);
    assert_int_equal(xhci_take_over(&xhci), STATUS_TIMEOUT);
    assert_in_range(model.now_us, 1000000, 3000000);
}

static void never_starts(void **state)
{
    (void)state;
    model.never_starts = true;
    model_start();
    assert_int_equal(xhci_init(&xhci, model.registers, sizeof(model.registers), &model_services), STATUS_OK);
    assert_int_equal(xhci_take_over(&xhci), STATUS_OK);
    assert_int_equal(xhci_start(&xhci), STATUS_TIMEOUT);
    xhci_poll(&xhci); /* does nothing */
    assert_int_equal(model.news_count, 0);
}

static void registers_out_of_place(void **state)
{
    (void)state;
    static const struct {
        unsigned offset;
        uint32_t value;
    } wrong[] = {{0x00, 0x01100004}, {0x04, 0xFF000101}, {0x04, 0x04000100}, {0x04, 0x00000101},
                 {0x14, 0x00000FFC}, {0x18, 0xFFFFFFE0}, {0x00, 0x011000FF}};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        model_start();
        uint64_t window_bytes = i == 1 || i == 6 ? 0x4F0 : sizeof(model.registers);
        model.registers[wrong[i].offset / 4] = wrong[i].value;
        assert_int_equal(xhci_init(&xhci, model.registers, window_bytes, &model_services), STATUS_INVALID);
    }
    memset(model.registers, 0xFF, sizeof(model.registers));
    assert_int_equal(xhci_init(&xhci, model.registers, sizeof(model.registers), &model_services), STATUS_NOT_FOUND);
    assert_int_equal(xhci_init(&xhci, model.registers, 16, &model_services), STATUS_INVALID);
}

/* Extended capabilities that lead out of the window, or nowhere. */
static void capabilities_that_lead_astray(void **state)
{
    (void)state;
    model_start();
    model.registers[0xC00 / 4] = 0x0000FF03;
    assert_int_equal(xhci_init(&xhci, model.registers, sizeof(model.registers), &model_services), STATUS_OK);
    assert_int_equal(xhci_take_over(&xhci), STATUS_OK);
}

/* ---- Memory ---- */

static void addresses_of_32_bits(void **state)
{
    (void)state;
    model.narrow_addresses = true;
    model.no_low_memory = true;
    model_start();
    assert_int_equal(xhci_init(&xhci, model.registers, sizeof(model.registers), &model_services), STATUS_OK);
    assert_int_equal(xhci_take_over(&xhci), STATUS_OK);
    assert_int_equal(xhci_start(&xhci), STATUS_NO_MEMORY);
    assert_int_equal(model.pages_high, 0);
}

static void addresses_of_64_bits(void **state)
{
    (void)state;
    model.no_low_memory = true;
    start();
    model_plug(2, &keyboard);
    model_settle(&xhci);
    press_a(&keyboard);
    assert_int_equal(model.pages_low, 0);
}

static void contexts_of_64_bytes(void **state)
{
    (void)state;
    model.wide_contexts = true;
    start();
    assert_int_equal(xhci.context_bytes, 64);
    model_plug(2, &keyboard);
    model_settle(&xhci);
    press_a(&keyboard);
}

static void scratchpads(void **state)
{
    (void)state;
    model.scratchpads = 515; /* whose list takes two pages */
    start();
    assert_int_equal(xhci.scratchpad_count, 515);
    assert_int_equal(model.pages_low, 3 + 2 + 515);
    const uint64_t *list = (const uint64_t *)(uintptr_t)xhci.contexts[0];
    for (unsigned i = 0; i < 515; i++)
        assert_true(list[i] != 0 && list[i] % PAGE_SIZE == 0);
}

/* ---- Keyboards ---- */

static void keyboard_of_each_speed(void **state)
{
    (void)state;
    start();
    for (uint8_t speed = USB_SPEED_FULL; speed <= USB_SPEED_SUPER + 1; speed++) {
        keyboard.speed = speed;
        keyboard.packet_bytes = speed == USB_SPEED_LOW ? 8 : 64;
        model.news_count = model.resets = 0;
        model_plug(3, &keyboard);
        model_settle(&xhci);
        assert_int_equal(model_told(USB_NEWS_DEVICE, "3"), 0);
        assert_int_equal(model.resets, speed >= USB_SPEED_SUPER ? 0 : 1);
        assert_int_equal(keyboard.configuration, 7);
        assert_int_equal(keyboard.protocol, 0);
        assert_int_equal(keyboard.idle, speed);
        assert_int_equal(model.keyboard->facts.vendor_id, 0x1234);
        for (unsigned i = 0; i < 20; i++) /* around the ring */
            press_a(&keyboard);
        model.key_count = 0;
        model_unplug(3);
        model_settle(&xhci);
        assert_int_equal(model_told(USB_NEWS_REMOVED, "3"), 1);
        assert_int_equal(model.slots_given, 0);
    }
}

static void lights(void **state)
{
    (void)state;
    start();
    model_plug(1, &keyboard);
    model_settle(&xhci);
    usb_device_set_lights(model.keyboard, 2);
    model_settle(&xhci);
    assert_int_equal(keyboard.lights, 2);
    /* One without any refuses; it types all the same, and a later question is not in its way. */
    keyboard.stalls = 9;
    usb_device_set_lights(model.keyboard, 1);
    model_settle(&xhci);
    keyboard.stalls = 0;
    usb_device_set_lights(model.keyboard, 3);
    model_settle(&xhci);
    assert_int_equal(keyboard.lights, 3);
    press_a(&keyboard);
}

/* Refused, SET_PROTOCOL or SET_IDLE are done without. */
static void refuses_what_is_optional(void **state)
{
    (void)state;
    static const uint8_t requests[] = {11, 10};
    start();
    for (unsigned i = 0; i < sizeof(requests); i++) {
        keyboard.stalls = requests[i];
        model_plug(1, &keyboard);
        model_settle(&xhci);
        press_a(&keyboard);
        model_unplug(1);
        model_settle(&xhci);
    }
    assert_int_equal(model.resets, 2);
    assert_int_equal(model_told(USB_NEWS_FAILED, "1"), -1);
}

/* Refused, what is needed is tried three times, each with a reset, and then the device is named. */
static void refuses_what_is_needed(void **state)
{
    (void)state;
    start();
    keyboard.stalls = 6;
    model_plug(1, &keyboard);
    model_settle(&xhci);
    assert_int_equal(model.news_count, 1);
    assert_int_equal(model_told(USB_NEWS_FAILED, "1"), 0);
    assert_int_equal(model.resets, USB_ATTEMPTS_MAX);
    assert_int_equal(model.slots_given, 0);
    /* Another that is plugged in there begins anew. */
    model_unplug(1);
    model_settle(&xhci);
    keyboard.stalls = 0;
    model_plug(1, &keyboard);
    model_settle(&xhci);
    press_a(&keyboard);
}

/* Silent: the requests are late; other devices come and go meanwhile, and type. */
static void answers_nothing(void **state)
{
    (void)state;
    struct model_device other = keyboard;
    start();
    model_plug(1, &keyboard);
    model_settle(&xhci);
    other.silent = true;
    model_plug(2, &other);
    for (unsigned i = 0; i < 50; i++) {
        model.now_us += 10000;
        xhci_poll(&xhci);
    }
    static const uint8_t down[8] = {2, 0, 5};
    model_report(&keyboard, down, 8, 1);
    xhci_poll(&xhci);
    assert_int_equal(model.key_count, 2);
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_FAILED, "2"), 1);
    assert_int_equal(model.slots_given, 1u << keyboard.slot);
}

static void reports_stall(void **state)
{
    (void)state;
    static const uint8_t down[8] = {0, 0, 4};
    start();
    model_plug(1, &keyboard);
    model_settle(&xhci);
    model_report(&keyboard, down, 8, 1);
    model_report(&keyboard, NULL, 0, XHCI_CODE_STALL);
    model_settle(&xhci);
    assert_int_equal(keyboard.clear_halts, 1);
    assert_int_equal(model.key_count, 2);
    assert_int_equal(model.keys[1].usage, USAGE_ROLL_OVER); /* nobody knows whether it is still down */
    press_a(&keyboard);
    /* Again and again without a report in between: given up, and tried anew. */
    for (unsigned i = 0; i < USB_ERRORS_MAX + 1; i++) {
        model_report(&keyboard, NULL, 0, 4);
        model_settle(&xhci);
    }
    assert_int_equal(model_told(USB_NEWS_REMOVED, "1"), 1);
    assert_int_equal(model.news[2], USB_NEWS_DEVICE);
    press_a(&keyboard);
}

/* In the middle of everything, at every step of the way. */
static void pulled_out_at_any_time(void **state)
{
    (void)state;
    start();
    for (unsigned polls = 0; polls < 60; polls++) {
        model_plug(1, &keyboard);
        for (unsigned i = 0; i < polls; i++) {
            model.now_us += 4000;
            xhci_poll(&xhci);
        }
        model_unplug(1);
        model_settle(&xhci);
        assert_int_equal(model.slots_given, 0);
        assert_int_equal(xhci.devices[0].state, USB_DEVICE_FREE);
    }
    model_plug(1, &keyboard);
    model_settle(&xhci);
    press_a(&keyboard);
    assert_int_equal(model.pages_low, 3 + 2); /* the same memory each time */
}

static void table_is_full(void **state)
{
    (void)state;
    static struct model_device many[9];
    start();
    model_plug(1, &hub);
    model_settle(&xhci);
    for (unsigned i = 0; i < 2; i++) {
        many[i] = hub;
        memset(many[i].behind, 0, sizeof(many[i].behind));
        model_plug_hub(&hub, i + 1, &many[i]);
        model_settle(&xhci);
    }
    for (unsigned i = 0; i < 7; i++) {
        many[2 + i] = keyboard;
        model_plug_hub(&many[i / 4], i % 4 + 1, &many[2 + i]);
        model_settle(&xhci);
    }
    assert_true(model_told(USB_NEWS_TOO_MANY, "1.2") > 0);
    assert_int_equal(model.slots_given, 0x1FE); /* all eight */
}

/* ---- Hubs ---- */

static void keyboard_behind_hubs(void **state)
{
    (void)state;
    struct model_device inner = {.speed = USB_SPEED_FULL, .class_code = 9, .packet_bytes = 64};
    start();
    model_plug(2, &hub);
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_DEVICE, "2"), 0);
    model_plug_hub(&hub, 3, &inner);
    model_settle(&xhci);
    model_plug_hub(&inner, 4, &keyboard);
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_DEVICE, "2.3.4"), 2);
    assert_int_equal(model.keyboard->route, 0x43);
    assert_int_equal(model.keyboard->translator->tier, 0); /* the one of high speed */
    assert_int_equal(model.keyboard->translator_port, 3);
    press_a(&keyboard);
    for (unsigned port = 0; port < 4; port++) {
        assert_int_equal(hub.status[port + 1] & 0x100, 0x100);
        assert_int_equal(hub.changes[port + 1], 0);
    }
    model_plug_hub(&inner, 4, NULL);
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_REMOVED, "2.3.4"), 3);
    model_plug_hub(&inner, 1, &keyboard);
    model_settle(&xhci);
    press_a(&keyboard);
    model_unplug(2); /* with everything behind it, the furthest first */
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_REMOVED, "2.3.1"), 5);
    assert_int_equal(model_told(USB_NEWS_REMOVED, "2.3"), 6);
    assert_int_equal(model_told(USB_NEWS_REMOVED, "2"), 7);
    assert_int_equal(model.slots_given, 0);
}

static void hub_of_usb_3(void **state)
{
    (void)state;
    hub.speed = USB_SPEED_SUPER;
    keyboard.speed = USB_SPEED_SUPER;
    start();
    model_plug(2, &hub);
    model_settle(&xhci);
    assert_int_equal(hub.depth, 0);
    model_plug_hub(&hub, 1, &keyboard);
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_DEVICE, "2.1"), 1);
    assert_null(model.keyboard->translator);
    press_a(&keyboard);
}

static void nested_too_deep(void **state)
{
    (void)state;
    static struct model_device hubs[6];
    start();
    for (unsigned i = 0; i < 6; i++) {
        hubs[i] = (struct model_device){.speed = USB_SPEED_FULL, .class_code = 9, .packet_bytes = 8};
        if (i == 0)
            model_plug(1, &hubs[0]);
        else
            model_plug_hub(&hubs[i - 1], 1, &hubs[i]);
        model_settle(&xhci);
    }
    model_plug_hub(&hubs[5], 1, &keyboard);
    model_settle(&xhci);
    assert_true(model_told(USB_NEWS_TOO_DEEP, "1.1.1.1.1.1") > 0);
}

/* At a port of either kind; it is acknowledged, so that it is told once. */
static void over_current_is_told(void **state)
{
    (void)state;
    start();
    model.registers[0x440 / 4] |= 1u << 20;
    model_event(1u << 24, 1u << 24, 34u << 10);
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_OVER_CURRENT, ""), 0);
    assert_int_equal(model.registers[0x440 / 4] & 1u << 20, 0);
    model_plug(2, &hub);
    model_settle(&xhci);
    hub.changes[1] = 8;
    model_plug_hub(&hub, 1, NULL);
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_OVER_CURRENT, "2"), 2);
    assert_int_equal(hub.changes[1], 0);
    assert_int_equal(model.news_count, 3);
}

/* ---- A controller that misbehaves ---- */

/* The device's first command takes too long, and is told to stop; from here on the controller works again. */
static void plug_in_and_be_late(void)
{
    start();
    model.no_answers = true;
    model_plug(1, &keyboard);
    while (xhci.talk.state != USB_TALK_ABORT) {
        model.now_us += 10000;
        xhci_poll(&xhci);
    }
    model.no_answers = false;
}

/* It does not complete a command, but lets itself be stopped: the device is tried anew. */
static void command_is_late(void **state)
{
    (void)state;
    plug_in_and_be_late();
    model_settle(&xhci);
    assert_true(xhci.running);
    press_a(&keyboard);
    assert_int_equal(model.slots_given, 1u << keyboard.slot);
}

/* The device that it is about goes meanwhile: nothing of it stays, and nothing is told of what nobody knew. */
static void pulled_out_while_a_command_is_late(void **state)
{
    (void)state;
    plug_in_and_be_late();
    model_unplug(1);
    model_settle(&xhci);
    assert_true(xhci.running);
    assert_int_equal(model.slots_given, 0);
    assert_int_equal(xhci.devices[0].state, USB_DEVICE_FREE);
    assert_int_equal(model.news_count, 0);
}

static void controller_is_dead(void **state)
{
    (void)state;
    start();
    model_plug(1, &keyboard);
    model_settle(&xhci);
    model.no_answers = model.no_stops = true;
    struct model_device other = keyboard;
    model_plug(2, &other);
    model_settle(&xhci);
    assert_false(xhci.running);
    assert_int_equal(model_told(USB_NEWS_REMOVED, "1"), 1);
    assert_int_equal(model_told(USB_NEWS_DEAD, ""), 2);
    xhci_poll(&xhci);
    assert_int_equal(model.news_count, 3);
    assert_false(xhci_is_busy(&xhci));
}

static void trouble_is_named(void **state)
{
    (void)state;
    static const uint32_t troubles[] = {XHCI_USBSTS_HSE, XHCI_USBSTS_HCE, XHCI_USBSTS_HALTED, UINT32_MAX};
    for (unsigned i = 0; i < 4; i++) {
        start();
        model_plug(1, &keyboard);
        model_settle(&xhci);
        if (troubles[i] == UINT32_MAX)
            memset(model.registers, 0xFF, sizeof(model.registers)); /* pulled out */
        else
            model.registers[0x44 / 4] |= troubles[i];
        xhci_poll(&xhci);
        assert_false(xhci.running);
        assert_non_null(xhci.failure);
        assert_int_equal(model_told(USB_NEWS_DEAD, ""), 2);
        (void)tear_down(NULL);
        (void)set_up(NULL);
    }
}

static void bad_completions(void **state)
{
    (void)state;
    static const uint8_t commands[] = {9, 11, 12, 13};
    start();
    for (unsigned i = 0; i < sizeof(commands); i++) {
        model.news_count = 0;
        model.failing_command = commands[i];
        model.failing_code = 4;
        model_plug(1, &keyboard);
        model_settle(&xhci);
        assert_int_equal(model_told(USB_NEWS_FAILED, "1"), 0);
        assert_int_equal(model.slots_given, 0);
        model_unplug(1);
        model_settle(&xhci);
    }
    /* A slot that is none. */
    model.news_count = 0;
    model.failing_command = 9;
    model.failing_code = 1;
    model_plug(1, &keyboard);
    model_settle(&xhci);
    assert_int_equal(model_told(USB_NEWS_FAILED, "1"), 0);
}

/* Events of slots, endpoints, ports and addresses that are nobody's change nothing. */
static void events_of_nobody(void **state)
{
    (void)state;
    start();
    model_plug(1, &keyboard);
    model_settle(&xhci);
    uint64_t ring = xhci.slots[keyboard.slot]->reports.address;
    uint64_t next = ring; /* all that were asked for first are outstanding */
    uint32_t slot = (uint32_t)keyboard.slot << 24;
    model_event(next, 1u << 24, 32u << 10 | 3u << 16 | 0xFFu << 24);
    model_event(next, 1u << 24, 32u << 10 | 3u << 16 | (slot + (1u << 24)));
    model_event(next, 1u << 24, 32u << 10 | 9u << 16 | slot);
    model_event(next + 8, 1u << 24, 32u << 10 | 3u << 16 | slot);
    model_event(next + 16, 1u << 24, 32u << 10 | 3u << 16 | slot);
    model_event(ring - 16, 1u << 24, 32u << 10 | 3u << 16 | slot);
    model_event(0, 4u << 24, 32u << 10 | 3u << 16 | slot);
    model_event(next, 1u << 24, 32u << 10 | 1u << 16 | slot);
    model_event(0x1000, 1u << 24, 33u << 10);
    model_event(0xFFull << 24, 1u << 24, 34u << 10);
    model_event(0, 0, 37u << 10);
    model_event(next, 27u << 24, 32u << 10 | 3u << 16 | slot); /* stopped: it goes on by itself */
    model_settle(&xhci);
    assert_int_equal(model.key_count, 0);
    assert_int_equal(model.news_count, 1);
    press_a(&keyboard);
    /* More left over than was wanted: that is no report. */
    model_event(ring + 32, 1u << 24 | 0xFFFF, 32u << 10 | 3u << 16 | slot);
    xhci_poll(&xhci);
    assert_true(xhci.slots[keyboard.slot]->reports_halted);
}

/* Thousands of events at once are taken in turns, each as long as a ring. */
static void events_without_end(void **state)
{
    (void)state;
    start();
    for (unsigned i = 0; i < 256; i++)
        model_event(0, 0, 36u << 10);
    uint32_t before = xhci.event_count;
    xhci_poll(&xhci);
    assert_int_equal(xhci.event_count - before, 256);
    assert_false(xhci_is_pending(&xhci));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(firmware_lets_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(firmware_keeps_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(left_with_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reset_never_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(never_starts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(registers_out_of_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(capabilities_that_lead_astray, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_of_32_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_of_64_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(contexts_of_64_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scratchpads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keyboard_of_each_speed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_optional, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reports_stall, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pulled_out_at_any_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(table_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keyboard_behind_hubs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hub_of_usb_3, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nested_too_deep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(over_current_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(command_is_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pulled_out_while_a_command_is_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(controller_is_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trouble_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_completions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_of_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_without_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
