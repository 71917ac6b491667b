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

static uint32_t *add(struct usb_device *device, uint32_t number, uint32_t type, uint32_t packet_bytes, uint64_t ring)
{
    uint32_t *endpoint = entry_of(device->xhci, number + 1);
    endpoint[1] = XHCI_ENDPOINT_RETRIES | type | packet_bytes << XHCI_ENDPOINT_PACKET_SHIFT;
    endpoint[2] = (uint32_t)ring | XHCI_TRB_CYCLE;
    endpoint[3] = (uint32_t)(ring >> 32);
    endpoint[4] = 8; /* xHCI 4.14.1.1: of requests, and of boot reports, on average */
    return endpoint;
}

static void add_reports(struct usb_device *device)
{
    const struct usb_function *function = &device->facts.function;
    uint32_t *endpoint = add(device, usb_report_endpoint(device), XHCI_ENDPOINT_INTERRUPT_IN, function->packet_bytes,
                             device->reports.address);
    /* An exponent of 125 us (xHCI 6.2.3.6). Low and full speed give milliseconds, the others one more than that. */
    uint32_t exponent = device->speed < USB_SPEED_HIGH ? bits_last(function->interval) + 3
                                                       : (uint32_t)min_u64(function->interval, 16) - 1;
    endpoint[0] = exponent << XHCI_ENDPOINT_INTERVAL_SHIFT;
    endpoint[4] |= (uint32_t)function->packet_bytes << XHCI_ENDPOINT_PAYLOAD_SHIFT;
}

/* The slot; with it the endpoint that was learnt of last, or (of a hub whose ports are known) none. */
uint64_t xhci_input_context(struct usb_device *device)
{
    struct xhci *xhci = device->xhci;
    const struct usb_hub_facts *hub = &device->facts.hub;
    uint32_t last = usb_report_endpoint(device); /* 1, endpoint 0's, as long as there is no other */
    uint32_t *slot = entry_of(xhci, 1);
    memset(xhci->input, 0, CONTEXT_ENTRIES * xhci->context_bytes);
    slot[0] = device->route | (uint32_t)device->speed << XHCI_SLOT_SPEED_SHIFT | last << XHCI_SLOT_ENTRIES_SHIFT;
    slot[1] = (uint32_t)device->root_port << XHCI_SLOT_ROOT_PORT_SHIFT;
    if (device->translator != NULL)
        slot[2] = device->translator->slot | (uint32_t)device->translator_port << XHCI_SLOT_TRANSLATOR_PORT_SHIFT;
    entry_of(xhci, 0)[1] = 1;
    if (hub->port_count != 0) {
        slot[0] |= XHCI_SLOT_HUB;
        slot[1] |= (uint32_t)hub->port_count << XHCI_SLOT_PORTS_SHIFT;
        slot[2] |= device->speed == USB_SPEED_HIGH ? (uint32_t)hub->think_time << XHCI_SLOT_THINK_TIME_SHIFT : 0;
    } else {
        entry_of(xhci, 0)[1] |= 1u << last;
        if (last == 1)
            (void)add(device, 1, XHCI_ENDPOINT_CONTROL, device->facts.packet_bytes, device->control.address);
        else
            add_reports(device);
    }
    return xhci->input_address;
}
