/*
 * A configuration is one run of descriptors, each with its length and type in front:
 *
 *     | 9 2 configuration | 9 4 interface 0 | 9 21h HID | 7 5 endpoint | 9 4 interface 1 | ...
 *                                                          belongs to the interface before it
 *
 * Of a composite device only the interface that we want is looked for; the others stay silent, since nobody asks them.
 */
#include "drivers/usb_descriptor.h"

#include "kernel/base/string.h"

static uint16_t word_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static bool is_descriptor(const uint8_t *bytes, size_t size_bytes, uint16_t value, size_t least_bytes)
{
    return size_bytes >= least_bytes && bytes[1] == value >> USB_DESCRIPTOR_SHIFT;
}

/* The largest packet is a size in bytes, for USB 3 an exponent. */
static bool take_device(struct usb_facts *facts, const uint8_t *bytes, size_t size_bytes, bool super)
{
    uint8_t size = bytes[7];
    if (super ? size != USB_SUPER_PACKET_EXPONENT : size != 8 && size != 16 && size != 32 && size != 64)
        return false;
    facts->packet_bytes = super ? (uint16_t)(1u << size) : size;
    if (size_bytes >= USB_DEVICE_BYTES) {
        facts->vendor_id = word_at(bytes + 8);
        facts->product_id = word_at(bytes + 10);
    }
    return true;
}

/* Of an interface descriptor. Only its first setting: the others of a hub want a transaction translator a port. */
static enum usb_kind kind_of(const uint8_t *interface)
{
    static const uint8_t keyboard[] = {USB_CLASS_HID, HID_SUBCLASS_BOOT, HID_PROTOCOL_KEYBOARD};
    if (interface[3] != 0)
        return USB_KIND_OTHER;
    if (interface[5] == USB_CLASS_HUB)
        return USB_KIND_HUB;
    return memcmp(interface + 5, keyboard, sizeof(keyboard)) == 0 ? USB_KIND_KEYBOARD : USB_KIND_OTHER;
}

/* True when it is an endpoint that reports come from. */
static bool take_endpoint(const uint8_t *endpoint, struct usb_function *function)
{
    function->endpoint = endpoint[2] & USB_ENDPOINT_NUMBER;
    function->packet_bytes = word_at(endpoint + 4) & USB_PACKET_BYTES;
    function->interval = endpoint[6];
    return (endpoint[2] & USB_ENDPOINT_IN) != 0 && (endpoint[3] & USB_ENDPOINT_TYPE) == USB_ENDPOINT_INTERRUPT &&
           function->endpoint != 0 && function->interval != 0 && function->packet_bytes != 0 &&
           function->packet_bytes <= USB_PACKET_BYTES_MAX;
}

static bool take_configuration(struct usb_function *function, const uint8_t *bytes, size_t size_bytes)
{
    struct usb_function current = {.configuration = bytes[5]};
    *function = current;
    for (size_t at = 0, length; size_bytes - at >= 2; at += length) {
        const uint8_t *part = bytes + at;
        length = part[0];
        if (length < 2 || length > size_bytes - at)
            break;
        if (is_descriptor(part, length, USB_DESCRIPTOR_INTERFACE, USB_INTERFACE_BYTES)) {
            current.kind = kind_of(part);
            current.interface = part[2];
            current.class_code = part[5];
            if (function->class_code == 0)
                function->class_code = part[5];
        } else if (is_descriptor(part, length, USB_DESCRIPTOR_ENDPOINT, USB_ENDPOINT_BYTES) &&
                   current.kind > function->kind && take_endpoint(part, &current)) {
            *function = current;
        }
    }
    return true;
}

static bool take_hub(struct usb_hub_facts *hub, const uint8_t *bytes, bool super)
{
    if (bytes[2] == 0)
        return false;
    hub->port_count = (uint8_t)min_u64(bytes[2], USB_HUB_PORTS_MAX);
    hub->think_time = super ? 0 : bytes[3] >> 5 & 3;
    hub->power_good_us = bytes[5] * USB_POWER_GOOD_UNIT_US;
    return true;
}

bool usb_take_descriptor(struct usb_facts *facts, uint16_t value, const uint8_t *bytes, size_t size_bytes, bool super)
{
    if (!is_descriptor(bytes, size_bytes, value, USB_HUB_BYTES_2))
        return false;
    if (value == USB_DESCRIPTOR_DEVICE)
        return size_bytes >= USB_DEVICE_HEAD_BYTES && take_device(facts, bytes, size_bytes, super);
    if (value == USB_DESCRIPTOR_CONFIGURATION)
        return size_bytes >= USB_CONFIGURATION_HEAD_BYTES && take_configuration(&facts->function, bytes, size_bytes);
    return take_hub(&facts->hub, bytes, super);
}
