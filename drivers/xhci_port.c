/* Ports: root ports' registers, and what becomes of any port by what usb_port.c says. xHCI 1.2, 4.19 and 5.4.8. */
#include "drivers/usb_device.h"
#include "drivers/xhci.h"

static uint32_t register_of(const struct xhci *xhci, uint32_t index)
{
    return xhci->operational + XHCI_PORTSC + XHCI_PORT_BYTES * index;
}

/* What is there says so by a change once its power is good (xHCI 4.19.4), or is seen at the first look. */
void xhci_ports_start(struct xhci *xhci)
{
    for (uint32_t i = 0; i < xhci->port_count; i++) {
        uint32_t kept = xhci_read(xhci, register_of(xhci, i)) & XHCI_PORT_KEPT;
        xhci_write(xhci, register_of(xhci, i), kept | XHCI_PORT_POWER);
        xhci->ports[i].changed = true;
    }
}

bool xhci_any_port(const struct xhci *xhci, bool (*is)(const struct usb_port *port))
{
    bool any = usb_ports_any(xhci->ports, xhci->port_count, is);
    for (uint32_t i = 0; i < USB_DEVICES_MAX && !any; i++)
        any = usb_ports_any(xhci->devices[i].ports, USB_HUB_PORTS_MAX, is);
    return any;
}

/* Between its reset and its address there may be one device at a time. */
static bool has_no_address(const struct usb_port *port)
{
    return usb_port_is_resetting(port) || (port->device != NULL && port->device->state == USB_DEVICE_NEW);
}

enum usb_port_action xhci_look(struct xhci *xhci, struct usb_device *hub, struct usb_port *port, uint8_t number,
                               struct usb_port_status status)
{
    bool may_reset = !xhci_any_port(xhci, has_no_address);
    enum usb_port_action action = usb_port_look(port, status, may_reset, xhci->services->now_us());
    if ((status.changes & USB_CHANGE_CURRENT) != 0)
        xhci->services->tell(xhci, USB_NEWS_OVER_CURRENT, hub);
    if (action == USB_PORT_ATTACH)
        usb_device_attach(xhci, hub, port, number, status.speed);
    else if (action == USB_PORT_DETACH)
        usb_device_detach(port->device);
    else
        return action;
    return USB_PORT_NOTHING;
}

static void look_at_root(struct xhci *xhci, uint32_t index)
{
    uint32_t value = xhci_read(xhci, register_of(xhci, index));
    uint32_t kept = value & XHCI_PORT_KEPT;
    uint8_t speed = value >> XHCI_PORT_SPEED_SHIFT & 0xF;
    uint32_t link = value >> USB_STATUS_LINK_SHIFT & USB_LINK_MASK;
    /* Only USB 3 has these speeds, and links that are stuck without one. */
    bool super = speed >= USB_SPEED_SUPER || link == USB_LINK_INACTIVE || link == USB_LINK_COMPLIANCE;
    /* The changes first: what happens from here on is a change again, and an event. */
    xhci_write(xhci, register_of(xhci, index), kept | (value & XHCI_PORT_CHANGES));
    struct usb_port_status status = {value, (value & XHCI_PORT_CHANGES) >> XHCI_PORT_CHANGES_SHIFT, super, speed};
    enum usb_port_action action = xhci_look(xhci, NULL, &xhci->ports[index], (uint8_t)(index + 1), status);
    if (action != USB_PORT_NOTHING)
        xhci_write(xhci, register_of(xhci, index),
                   kept | (action == USB_PORT_WARM_RESET ? XHCI_PORT_WARM_RESET : XHCI_PORT_RESET));
}

void xhci_ports_go_on(struct xhci *xhci, uint64_t now_us)
{
    for (uint32_t i = 0; i < xhci->port_count; i++)
        if (usb_port_is_due(&xhci->ports[i], now_us))
            look_at_root(xhci, i);
}
