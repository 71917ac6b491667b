/*
 * Events: what a running controller tells, and who takes it. xHCI 1.2, 4.9.4, 4.11.3 and 6.4.2.
 *
 * Nothing in an event is believed: slots and ports must be ours, addresses must lie in the ring that they mean.
 */
#include "drivers/usb_device.h"
#include "drivers/xhci.h"

static void take_event(struct xhci *xhci, const struct xhci_trb *event)
{
    uint32_t type = event->control >> XHCI_TRB_TYPE_SHIFT & 0x3F; /* others are of what we did not ask for */
    uint32_t slot = event->control >> XHCI_TRB_SLOT_SHIFT;
    uint32_t endpoint = event->control >> XHCI_TRB_ENDPOINT_SHIFT & 0x1F;
    uint32_t port = (uint32_t)event->parameter >> 24;
    struct usb_device *device = slot <= USB_DEVICES_MAX ? xhci->slots[slot] : NULL;
    if (type == XHCI_EVENT_COMMAND)
        usb_talk_commanded(xhci, event);
    else if (type == XHCI_EVENT_PORT && port >= 1 && port <= xhci->port_count)
        xhci->ports[port - 1].changed = true;
    else if (type == XHCI_EVENT_TRANSFER && device != NULL && endpoint == 1)
        usb_talk_transferred(device, event);
    else if (type == XHCI_EVENT_TRANSFER && device != NULL && endpoint == usb_report_endpoint(device))
        usb_device_reported(device, event);
}

/* At most a ring's worth: a controller that never ends does not hold the CPU. */
static void take_events(struct xhci *xhci)
{
    struct xhci_trb event;
    uint32_t taken = 0;
    while (taken < xhci->events.count && xhci_events_take(&xhci->events, &event)) {
        take_event(xhci, &event);
        taken++;
    }
    xhci->event_count += taken;
    if (taken != 0)
        xhci_write64(xhci, xhci->runtime + XHCI_ERDP,
                     (xhci->events.address + xhci->events.next * sizeof(event)) | XHCI_ERDP_BUSY);
}

/* NULL: it is well. */
static const char *trouble(uint32_t status)
{
    if (status == UINT32_MAX)
        return "it is gone";
    if ((status & XHCI_USBSTS_HSE) != 0)
        return "host system error: its access to memory failed";
    if ((status & XHCI_USBSTS_HCE) != 0)
        return "host controller error";
    return (status & XHCI_USBSTS_HALTED) != 0 ? "it stopped by itself" : NULL;
}

void xhci_poll(struct xhci *xhci)
{
    if (!xhci->running)
        return;
    uint32_t status = xhci_read(xhci, xhci->operational + XHCI_USBSTS);
    const char *why = trouble(status);
    if (why != NULL) {
        xhci_give_up(xhci, why);
        return;
    }
    /* Acknowledged before the look: what comes later interrupts again. */
    if ((status & XHCI_USBSTS_EINT) != 0) {
        xhci_write(xhci, xhci->operational + XHCI_USBSTS, XHCI_USBSTS_EINT);
        xhci_write(xhci, xhci->runtime + XHCI_IMAN, XHCI_IMAN_ENABLE | XHCI_IMAN_PENDING);
    }
    uint64_t now_us = xhci->services->now_us();
    take_events(xhci);
    xhci_ports_go_on(xhci, now_us);
    do
        usb_talk_go_on(xhci, now_us);
    while (xhci->running && xhci->talk.device == NULL && usb_device_next(xhci, now_us));
}

bool xhci_is_busy(const struct xhci *xhci)
{
    /* Devices that come or go are talked about before xhci_poll returns. */
    return xhci->running && (xhci->talk.device != NULL || xhci_any_port(xhci, usb_port_is_busy));
}
