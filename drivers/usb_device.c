/* The scripts: how a device comes, goes, is mended, and shows lights. */
#include "drivers/usb_device.h"

#include "drivers/usb_hub.h"
#include "drivers/xhci.h"
#include "kernel/base/format.h"

const char *usb_path(const struct usb_device *device, char text[USB_PATH_BYTES])
{
    size_t length = format_buffer(text, USB_PATH_BYTES, "%u", device->root_port);
    for (uint32_t tier = 0; tier < device->tier; tier++)
        length += format_buffer(text + length, USB_PATH_BYTES - length, ".%u", device->route >> (4 * tier) & 0xF);
    return text;
}

/* ---- Reports ---- */

/* Each TRB of the ring has the buffer of its number. */
static void ask_reports(struct usb_device *device, uint32_t count)
{
    uint64_t buffers = device->address + USB_REPORT_BUFFERS;
    while (count-- > 0)
        (void)xhci_ring_put(&device->reports, buffers + device->reports.next * USB_REPORT_BYTES,
                            usb_report_bytes(device), XHCI_TRB_NORMAL | XHCI_TRB_SHORT | XHCI_TRB_EVENT);
    xhci_ring_doorbell(device->xhci, device->slot, usb_report_endpoint(device));
}

void usb_device_reported(struct usb_device *device, const struct xhci_trb *event)
{
    /* All are outstanding, and between the first of them and the next to put there is one place. */
    uint32_t index = (device->reports.next + 1) % (USB_REPORT_TRBS - 1);
    uint32_t left_bytes = event->status & XHCI_LEFT_MASK;
    uint32_t size_bytes = usb_report_bytes(device) - left_bytes;
    const uint8_t *report = device->memory + USB_REPORT_BUFFERS + index * USB_REPORT_BYTES;
    struct key_event events[USB_KEYBOARD_EVENTS_MAX];
    unsigned count = 0;
    if (device->state != USB_DEVICE_RUNNING || device->reports_halted || xhci_code_is_stop(event) ||
        xhci_ring_index(&device->reports, event->parameter) != index)
        return;
    device->reports_halted = !xhci_code_is_good(event) || left_bytes > usb_report_bytes(device);
    if (device->reports_halted)
        return;
    device->errors = 0;
    if (device->facts.function.kind == USB_KIND_HUB)
        usb_hub_reported(device, report, size_bytes);
    else
        count = usb_keyboard_report(&device->keyboard, report, size_bytes, events);
    for (unsigned i = 0; i < count; i++)
        device->xhci->services->key(device, events[i]);
    ask_reports(device, 1);
}

/* ---- A new device ---- */

static bool take_slot(struct usb_device *device)
{
    struct xhci *xhci = device->xhci;
    uint8_t slot = xhci->talk.slot;
    if (slot == 0 || slot > xhci->slot_count || xhci->slots[slot] != NULL)
        return false;
    device->slot = slot;
    xhci->slots[slot] = device;
    xhci->contexts[slot] = device->address;
    return true;
}

static bool take_descriptor(struct usb_device *device)
{
    const struct usb_talk *talk = &device->xhci->talk;
    return usb_take_descriptor(&device->facts, talk->request.value, device->memory + USB_ANSWER, talk->answer_bytes,
                               usb_is_super(device));
}

/* USB 3.2, 10.16.2.9: a hub's depth says which part of a route string is its own. */
static bool choose_value(struct usb_device *device)
{
    struct usb_request *request = &device->xhci->talk.request;
    request->value = request->type == USB_TO_HUB ? device->tier : device->facts.function.configuration;
    return true;
}

static const struct usb_step coming[] = {
    COMMAND("slot", 0, false, XHCI_COMMAND_ENABLE_SLOT, take_slot),
    COMMAND("address", 0, false, XHCI_COMMAND_ADDRESS, NULL),
    DESCRIPTOR("first bytes", 0, USB_TO_DEVICE, USB_DESCRIPTOR_DEVICE, USB_DEVICE_HEAD_BYTES, take_descriptor),
    COMMAND("packet size", 0, false, XHCI_COMMAND_EVALUATE, NULL),
    DESCRIPTOR("device", 0, USB_TO_DEVICE, USB_DESCRIPTOR_DEVICE, USB_DEVICE_BYTES, take_descriptor),
    DESCRIPTOR("functions", 0, USB_TO_DEVICE, USB_DESCRIPTOR_CONFIGURATION, USB_CONFIGURATION_BYTES, take_descriptor),
    COMMAND("endpoint", USB_FOR_REPORTERS, false, XHCI_COMMAND_CONFIGURE, NULL),
    REQUEST("configure", USB_FOR_REPORTERS, USB_TO_DEVICE, USB_SET_CONFIGURATION, 0, 0, choose_value, NULL),
    DESCRIPTOR("hub", USB_FOR_HUB_2, USB_TO_HUB, USB_DESCRIPTOR_HUB, USB_HUB_BYTES_2, take_descriptor),
    DESCRIPTOR("hub", USB_FOR_HUB_3, USB_TO_HUB, USB_DESCRIPTOR_HUB_SUPER, USB_HUB_BYTES_3, take_descriptor),
    COMMAND("hub context", USB_FOR_HUBS, false, XHCI_COMMAND_CONFIGURE, NULL),
    REQUEST("hub depth", USB_FOR_HUB_3, USB_TO_HUB, USB_SET_HUB_DEPTH, 0, 0, choose_value, NULL),
    REPEATED_REQUEST("on", USB_FOR_HUBS, USB_TO_PORT, USB_SET_FEATURE, USB_FEATURE_POWER, usb_hub_next_port),
    /*
     * Some keyboards refuse these two: they know no other protocol, or cannot be told to report at changes only. One
     * that refuses the first is not asked the second, without which it repeats what we know.
     */
    OPTIONAL_REQUEST("protocol", USB_FOR_KEYBOARD, USB_TO_INTERFACE, HID_SET_PROTOCOL, HID_BOOT_PROTOCOL, 0, NULL),
    OPTIONAL_REQUEST("idle", USB_FOR_KEYBOARD, USB_TO_INTERFACE, HID_SET_IDLE, 0, 0, NULL),
    {.name = NULL},
};

static void has_come(struct usb_device *device)
{
    device->state = USB_DEVICE_RUNNING;
    device->xhci->services->tell(device->xhci, USB_NEWS_DEVICE, device);
    if (device->facts.function.kind != USB_KIND_OTHER)
        ask_reports(device, USB_REPORTS);
}

static struct usb_device *free_entry(struct xhci *xhci)
{
    struct usb_device *device = xhci->devices;
    while (device < xhci->devices + xhci->slot_count && device->state != USB_DEVICE_FREE)
        device++;
    if (device == xhci->devices + xhci->slot_count)
        return NULL;
    if (device->memory == NULL)
        device->memory = xhci_memory(xhci, USB_DEVICE_ORDER, &device->address);
    return device->memory != NULL ? device : NULL;
}

/* Where it is, for the controller: USB 3.2, 8.9; xHCI 4.3.3 and table 6-5. */
static void place(struct usb_device *device, struct usb_device *parent)
{
    bool split = parent->speed == USB_SPEED_HIGH && device->speed < USB_SPEED_HIGH;
    device->root_port = parent->root_port;
    device->tier = parent->tier + 1;
    device->route = parent->route | (uint32_t)device->port << 4 * parent->tier;
    device->translator = split ? parent : parent->translator;
    device->translator_port = split ? device->port : parent->translator_port;
}

void usb_device_attach(struct xhci *xhci, struct usb_device *parent, struct usb_port *at, uint8_t port, uint8_t speed)
{
    struct usb_device *device = free_entry(xhci);
    bool too_deep = parent != NULL && parent->tier == USB_TIERS_MAX;
    if (device == NULL || too_deep) {
        at->state = USB_PORT_FAILED;
        xhci->services->tell(xhci, too_deep ? USB_NEWS_TOO_DEEP : USB_NEWS_TOO_MANY, parent);
        return;
    }
    *device = (struct usb_device){.xhci = xhci, .state = USB_DEVICE_NEW, .at = at, .port = port, .root_port = port,
                                  .speed = speed, .memory = device->memory, .address = device->address};
    device->facts.packet_bytes = speed >= USB_SPEED_SUPER ? 512 : speed == USB_SPEED_HIGH ? 64 : 8; /* for now: 4.3 */
    xhci_ring_init(&device->control, device->memory + USB_CONTROL_RING, device->address + USB_CONTROL_RING,
                   USB_CONTROL_TRBS);
    xhci_ring_init(&device->reports, device->memory + USB_REPORT_RING, device->address + USB_REPORT_RING,
                   USB_REPORT_TRBS);
    at->device = device;
    if (parent != NULL)
        place(device, parent);
}

/* ---- One that goes ---- */

static const struct usb_step going[] = {
    COMMAND("forget", 0, true, XHCI_COMMAND_DISABLE_SLOT, NULL),
    {.name = NULL},
};

static void has_gone(struct usb_device *device)
{
    device->xhci->slots[device->slot] = NULL;
    device->xhci->contexts[device->slot] = 0;
    device->state = USB_DEVICE_FREE;
}

static void forget(struct usb_device *device)
{
    device->state = USB_DEVICE_LEAVING;
    usb_talk_begin(device, going, has_gone);
}

void usb_device_detach(struct usb_device *device)
{
    if (device == NULL)
        return;
    for (uint32_t i = 0; i < USB_HUB_PORTS_MAX; i++) {
        usb_device_detach(device->ports[i].device);
        device->ports[i] = (struct usb_port){0};
    }
    if (device->state == USB_DEVICE_RUNNING)
        device->xhci->services->tell(device->xhci, USB_NEWS_REMOVED, device);
    device->state = USB_DEVICE_GONE;
    device->at->device = NULL;
}

void usb_device_fail(struct usb_device *device, const char *step)
{
    struct xhci *xhci = device->xhci;
    device->failure = step;
    if (usb_port_failed(device->at, xhci->services->now_us()))
        xhci->services->tell(xhci, USB_NEWS_FAILED, device);
    usb_device_detach(device);
}

/* ---- One whose reports stopped ---- */

static void reports_again(struct usb_device *device)
{
    device->reports_halted = false;
    device->keyboard = (struct usb_keyboard){0}; /* nobody knows what is still down */
    if (device->facts.function.kind == USB_KIND_KEYBOARD)
        device->xhci->services->key(device, (struct key_event){USAGE_ROLL_OVER, true});
    ask_reports(device, USB_REPORTS);
}

static const struct usb_step mending_reports[] = {
    /* Optional: it may have stopped without having halted. */
    COMMAND("reset endpoint", 0, true, XHCI_COMMAND_RESET_ENDPOINT, NULL),
    COMMAND("set ring", 0, false, XHCI_COMMAND_SET_DEQUEUE, NULL),
    OPTIONAL_REQUEST("clear halt", 0, USB_TO_ENDPOINT, USB_CLEAR_FEATURE, USB_ENDPOINT_HALT, 0, NULL),
    {.name = NULL},
};

/* ---- A keyboard's lights ---- */

static bool choose_lights(struct usb_device *device)
{
    device->lights = device->lights_wanted;
    device->memory[USB_ANSWER] = device->lights;
    return true;
}

static const struct usb_step lighting[] = {
    /* Optional: not all have any. */
    OPTIONAL_REQUEST("lights", USB_FOR_KEYBOARD, USB_TO_INTERFACE, HID_SET_REPORT, HID_OUTPUT_REPORT, 1, choose_lights),
    {.name = NULL},
};

/* ---- Who is next ---- */

static bool begin(struct usb_device *device, uint64_t now_us)
{
    if (device->state == USB_DEVICE_GONE && device->slot == 0)
        device->state = USB_DEVICE_FREE;
    else if (device->state == USB_DEVICE_GONE)
        forget(device);
    else if (device->state == USB_DEVICE_NEW)
        usb_talk_begin(device, coming, has_come);
    else if (device->state != USB_DEVICE_RUNNING)
        return false;
    else if (device->reports_halted && ++device->errors > USB_ERRORS_MAX)
        usb_device_fail(device, "reports");
    else if (device->reports_halted)
        usb_talk_begin(device, mending_reports, reports_again);
    else if (device->lights != device->lights_wanted)
        usb_talk_begin(device, lighting, NULL);
    else
        return device->facts.function.kind == USB_KIND_HUB && usb_hub_begin(device, now_us);
    return true;
}

bool usb_device_next(struct xhci *xhci, uint64_t now_us)
{
    for (uint32_t i = 0; i < xhci->slot_count; i++)
        if (begin(&xhci->devices[i], now_us))
            return true;
    return false;
}
