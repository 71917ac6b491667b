/*
 * USB descriptors: what a device says that it is, as far as keyboards and hubs need it.
 *
 * Rules: pure; the bytes are input, of any length and content. Nothing beyond `size_bytes` is read.
 * Sources: USB 2.0, 9.6 and 11.23.2; USB 3.2, 9.6 and 10.15.2; HID 1.11, 4.2 and 4.3.
 */
#ifndef KEEL_DRIVERS_USB_DESCRIPTOR_H
#define KEEL_DRIVERS_USB_DESCRIPTOR_H

#include "drivers/usb_requests.h"
#include "kernel/base/types.h"

/* Ports of a hub that are looked at: what a route string can name (USB 3.2, 8.9). */
#define USB_HUB_PORTS_MAX 15u

/* Of the interfaces of one device the last in this order is used. */
enum usb_kind {
    USB_KIND_OTHER,
    USB_KIND_HUB,
    USB_KIND_KEYBOARD,
};

/* What we use of a device: one interface of its first configuration, and that one's interrupt IN endpoint. */
struct usb_function {
    enum usb_kind kind;
    uint8_t class_code;    /* of the interface used, or of the first */
    uint8_t configuration; /* the value that chooses it */
    uint8_t interface;
    uint8_t endpoint;      /* its number, 1 to 15; 0: none was found */
    uint8_t interval;      /* bInterval as it came, not 0 */
    uint16_t packet_bytes; /* 1 to 1024 */
};

struct usb_hub_facts {
    uint8_t port_count;    /* 1 to USB_HUB_PORTS_MAX */
    uint8_t think_time;    /* of its transaction translator: USB 2.0, table 11-13, bits 6:5 */
    uint32_t power_good_us;
};

/* All that descriptors have said so far. */
struct usb_facts {
    uint16_t packet_bytes; /* of endpoint 0 */
    uint16_t vendor_id;
    uint16_t product_id;
    struct usb_function function;
    struct usb_hub_facts hub;
};

/*
 * Takes one descriptor that was asked for as `value` (USB_DESCRIPTOR_*): a device's or its first bytes, a whole
 * configuration, a hub's. `super`: of a device of USB 3. False: it is not what was asked for, or makes no sense; *facts
 * is as before.
 *
 * Of a configuration the first boot keyboard counts, else the first hub. Descriptors in it that are cut, too short or
 * out of place end the walk or are skipped: what was complete before counts.
 */
bool usb_take_descriptor(struct usb_facts *facts, uint16_t value, const uint8_t *bytes, size_t size_bytes,
                         bool super) MUST_CHECK;

#endif
