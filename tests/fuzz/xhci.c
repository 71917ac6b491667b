/*
 * The driver against a controller that says anything: events of any content, ports that come and go, bytes of the
 * device's memory that change under it. It may give the controller up; it may not crash, hang, or use memory that is
 * not its own.
 *
 * Input: rows of 8 bytes, each something that happens: what, and to what.
 */
#include "tests/fuzz/input.h"
#include "tests/unit/xhci_model.h"

#define POLL_US 20000u

static struct xhci xhci;
static struct model_device keyboard, hub, inner;

/* An address that means something often enough: a TRB of one of the rings. */
static uint64_t some_address(uint64_t what)
{
    const struct usb_device *device = &xhci.devices[what & 3];
    uint64_t offset = (what >> 2 & 0x3F) * 8;
    if ((what & 0x100) != 0)
        return xhci.commands.address + offset;
    return ((what & 0x200) != 0 ? device->control.address : device->reports.address) + offset;
}

static void happen(uint64_t what, uint64_t word)
{
    static const uint32_t places[] = {0, USB_REPORT_BUFFERS, USB_ANSWER, USB_ANSWER}; /* all but what we tell it */
    switch (what & 7) {
    case 0: /* an event; the type is one of those that are listened to */
        model_event(some_address(word), (uint32_t)(word >> 8), (uint32_t)(32 + (what >> 3 & 3)) << 10 |
                    (uint32_t)(word >> 32 & 0xF) << 16 | (uint32_t)(word >> 36 & 0xF) << 24);
        break;
    case 1:
        model_event(word, (uint32_t)(word >> 20), (uint32_t)(word >> 10));
        break;
    case 2: /* a port's register */
        model.registers[(0x440 + 16 * (what >> 3 & 3)) / 4] = (uint32_t)word & 0x7FFFFFFF;
        model_event((uint64_t)((what >> 3 & 3) + 1) << 24, 1u << 24, 34u << 10);
        break;
    case 3:
        if (model.roots[what >> 3 & 3] != NULL)
            model_unplug((what >> 3 & 3) + 1);
        else if ((what & 0x20) != 0 && !keyboard.plugged)
            model_plug((what >> 3 & 3) + 1, &keyboard);
        else if (!hub.plugged)
            model_plug((what >> 3 & 3) + 1, &hub);
        break;
    case 4: /* memory of a device */
        if (xhci.devices[what >> 3 & 3].memory != NULL)
            memcpy(xhci.devices[what >> 3 & 3].memory + places[what >> 5 & 3] + (word >> 48 & 0x1F8), &word, 8);
        break;
    case 5:
        keyboard.stalls = hub.stalls = (uint8_t)(word & 0xF);
        keyboard.silent = (word & 0x10) != 0;
        hub.status[1 + (word >> 8 & 3)] = (uint16_t)(word >> 16);
        hub.changes[1 + (word >> 8 & 3)] = (uint16_t)(word >> 32);
        break;
    case 6:
        model.failing_command = (uint8_t)(word & 0x1F);
        model.failing_code = (uint8_t)(word >> 8);
        model.no_answers = (word & 0x70000) == 0x70000;
        break;
    default:
        model.now_us += word & 0xFFFFFF;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct input input = {bytes, size_bytes};
    model_begin();
    model_start();
    model.lenient = true;
    keyboard = (struct model_device){.speed = USB_SPEED_LOW, .class_code = 3, .packet_bytes = 8};
    hub = (struct model_device){.speed = USB_SPEED_HIGH, .class_code = 9, .packet_bytes = 64};
    inner = (struct model_device){.speed = USB_SPEED_FULL, .class_code = 3, .packet_bytes = 64, .plugged = true};
    hub.behind[0] = &inner;
    hub.status[1] = 0x101;
    CHECK(xhci_init(&xhci, model.registers, sizeof(model.registers), &model_services) == STATUS_OK);
    CHECK(xhci_take_over(&xhci) == STATUS_OK && xhci_start(&xhci) == STATUS_OK);
    model_plug(1, &keyboard);
    model_plug(2, &hub);
    for (unsigned polls = 0; polls < 60; polls++) {
        model.now_us += POLL_US;
        xhci_poll(&xhci);
    }
    while (input.left_bytes != 0) {
        uint64_t what = input_number(&input, 1);
        happen(what, input_number(&input, 7) * 0x9E3779B97F4A7C15u);
        model.now_us += POLL_US;
        xhci_poll(&xhci);
    }
    for (unsigned polls = 0; polls < 20; polls++) {
        model.now_us += 1000000;
        xhci_poll(&xhci);
    }
    model_end();
    return 0;
}
