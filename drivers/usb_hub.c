/*
 * A port's talk: its status, each change acknowledged, then what usb_port.c makes of it.
 *
 *     GET_STATUS  ->  CLEAR_FEATURE, a change at a time  ->  nothing | SET_FEATURE reset | something comes or goes
 *
 * Changes of the hub itself (its own power) are not asked about: nothing follows from them.
 */
#include "drivers/usb_hub.h"

#include "drivers/usb_device.h"
#include "drivers/xhci.h"
#include "kernel/base/bits.h"

/* By bit of wPortChange: the feature that acknowledges it. USB 2.0, table 11-17; USB 3.2, table 10-8. */
static const uint8_t change_features[] = {16, 17, 18, 19, 20, 29, 25, 26};

/* Power for one after the other; when the last has it, the time begins after which it is good. */
bool usb_hub_next_port(struct usb_device *device)
{
    device->ports_good = device->xhci->services->now_us() + device->facts.hub.power_good_us;
    if (device->hub_port == device->facts.hub.port_count)
        return false;
    device->ports[device->hub_port++].changed = true;
    return true;
}

void usb_hub_reported(struct usb_device *device, const uint8_t *report, size_t size_bytes)
{
    for (uint32_t port = 1; port <= device->facts.hub.port_count && port / 8 < size_bytes; port++)
        device->ports[port - 1].changed |= (report[port / 8] >> port % 8 & 1) != 0;
}

/* ---- A port ---- */

/* By the two bits of wPortStatus that tell it. */
static const uint8_t speeds[] = {USB_SPEED_FULL, USB_SPEED_LOW, USB_SPEED_HIGH, USB_SPEED_HIGH};

static bool take_status(struct usb_device *device)
{
    const uint8_t *answer = device->memory + USB_ANSWER;
    uint32_t word = (uint32_t)(answer[0] | answer[1] << 8);
    bool super = usb_is_super(device);
    uint8_t speed = super ? device->speed : speeds[word >> USB_STATUS_SPEED_SHIFT & 3];
    device->hub_changes = answer[2];
    device->hub_status = (struct usb_port_status){word, answer[2], super, speed};
    return device->xhci->talk.answer_bytes >= USB_STATUS_BYTES;
}

static bool choose_change(struct usb_device *device)
{
    if (device->hub_changes == 0)
        return false;
    device->xhci->talk.request.value = change_features[bits_first(device->hub_changes)];
    device->hub_changes &= (uint8_t)(device->hub_changes - 1);
    return true;
}

/* Only a reset is asked of the hub; the rest is between us and the device there. */
static bool choose_reset(struct usb_device *device)
{
    struct usb_port *port = &device->ports[device->hub_port - 1];
    enum usb_port_action action = xhci_look(device->xhci, device, port, device->hub_port, device->hub_status);
    if (action == USB_PORT_WARM_RESET)
        device->xhci->talk.request.value = USB_FEATURE_WARM_RESET;
    return action != USB_PORT_NOTHING;
}

static const struct usb_step looking[] = {
    REQUEST("port status", 0, USB_REQUEST_IN | USB_TO_PORT, USB_GET_STATUS, 0, USB_STATUS_BYTES, NULL, take_status),
    REPEATED_REQUEST("port change", 0, USB_TO_PORT, USB_CLEAR_FEATURE, 0, choose_change),
    REQUEST("port reset", 0, USB_TO_PORT, USB_SET_FEATURE, USB_FEATURE_RESET, 0, choose_reset, NULL),
    {.name = NULL},
};

bool usb_hub_begin(struct usb_device *device, uint64_t now_us)
{
    bool due = false;
    device->hub_port = 0; /* the number of a port is one more than its place */
    while (!due && now_us >= device->ports_good && device->hub_port < device->facts.hub.port_count)
        due = usb_port_is_due(&device->ports[device->hub_port++], now_us);
    if (due)
        usb_talk_begin(device, looking, NULL);
    return due;
}
