/*
 * The input context: what the controller is told about a device. xHCI 1.2, 6.2.
 *
 *     xhci->input    | control | slot | endpoint 0 | endpoint 1 OUT | endpoint 1 IN | ...    each of 32 or 64 bytes
 *     entry               0       1         2               3               4
 *     bit of `added`              0         1               2               3      those that are meant, in entry 0
 */
#include "drivers/xhci.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"

#define CONTEXT_ENTRIES 33u

static uint32_t *entry_of(struct xhci *xhci, uint32_t index)
{
    return (uint32_t *)(void *)(xhci->input + index * xhci->context_bytes);
}

/* Everything zero but for entry 0 and the slot, of which `last` is the last endpoint in use. Returns the slot. */
static uint32_t *begin(struct usb_device *device, uint32_t added, uint32_t last)
{
    uint32_t *slot = entry_of(device->xhci, 1);
    memset(device->xhci->input, 0, CONTEXT_ENTRIES * device->xhci->context_bytes);
    entry_of(device->xhci, 0)[1] = added;
    slot[0] = device->route | (uint32_t)device->speed << XHCI_SLOT_SPEED_SHIFT | last << XHCI_SLOT_ENTRIES_SHIFT;
    slot[1] = (uint32_t)device->root_port << XHCI_SLOT_ROOT_PORT_SHIFT;
    if (device->translator != NULL)
        slot[2] = device->translator->slot | (uint32_t)device->translator_port << XHCI_SLOT_TRANSLATOR_PORT_SHIFT;
    return slot;
}

static uint32_t *add(struct usb_device *device, uint32_t number, uint32_t type, uint32_t packet_bytes, uint64_t ring)
{
    uint32_t *endpoint = entry_of(device->xhci, number + 1);
    endpoint[1] = XHCI_ENDPOINT_RETRIES | type | packet_bytes << XHCI_ENDPOINT_PACKET_SHIFT;
    endpoint[2] = (uint32_t)ring | XHCI_TRB_CYCLE;
    endpoint[3] = (uint32_t)(ring >> 32);
    endpoint[4] = 8; /* xHCI 4.14.1.1: of requests, and of boot reports, on average */
    return endpoint;
}

bool xhci_context_address(struct usb_device *device)
{
    (void)begin(device, 0x3, 1);
    (void)add(device, 1, XHCI_ENDPOINT_CONTROL, device->facts.packet_bytes, device->control.address);
    return true;
}

bool xhci_context_endpoint(struct usb_device *device)
{
    uint32_t packet_bytes = device->facts.function.packet_bytes;
    uint32_t interval = device->facts.function.interval;
    uint32_t number = usb_report_endpoint(device);
    (void)begin(device, 1u | 1u << number, number);
    uint32_t *endpoint = add(device, number, XHCI_ENDPOINT_INTERRUPT_IN, packet_bytes, device->reports.address);
    /* An exponent of 125 us (xHCI 6.2.3.6). Low and full speed give milliseconds, the others one more than that. */
    uint32_t exponent = device->speed < USB_SPEED_HIGH ? bits_last(interval) + 3 : (uint32_t)min_u64(interval, 16) - 1;
    endpoint[0] = exponent << XHCI_ENDPOINT_INTERVAL_SHIFT;
    endpoint[4] |= packet_bytes << XHCI_ENDPOINT_PAYLOAD_SHIFT;
    return true;
}

bool xhci_context_hub(struct usb_device *device)
{
    uint32_t *slot = begin(device, 0x1, usb_report_endpoint(device));
    slot[0] |= XHCI_SLOT_HUB;
    slot[1] |= (uint32_t)device->facts.hub.port_count << XHCI_SLOT_PORTS_SHIFT;
    if (device->speed == USB_SPEED_HIGH)
        slot[2] |= (uint32_t)device->facts.hub.think_time << XHCI_SLOT_THINK_TIME_SHIFT;
    return true;
}
