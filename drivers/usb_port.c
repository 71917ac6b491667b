/* A port's life, a look at a time. usb_port.h draws it. */
#include "drivers/usb_port.h"

#define SETTLE_US  100000u /* USB 2.0, 7.1.7.3: TATTDB */
#define RECOVER_US 10000u  /* 7.1.7.5: TRSTRCY */

/* A reset takes 10 to 20 ms, of USB 3 up to 150 ms (11.5.1.5; USB 3.2, table 6-30); looked at so often, so long. */
#define RESET_POLL_US 20000u
#define RESET_POLLS   25u

static enum usb_port_action enter(struct usb_port *port, enum usb_port_state state, uint64_t deadline,
                                  enum usb_port_action action)
{
    port->state = state;
    port->deadline = deadline;
    port->polls = 0;
    return action;
}

bool usb_port_failed(struct usb_port *port, uint64_t now_us)
{
    bool again = ++port->attempts < USB_ATTEMPTS_MAX;
    (void)enter(port, again ? USB_PORT_SETTLING : USB_PORT_FAILED, now_us + SETTLE_US, USB_PORT_NOTHING);
    return !again;
}

enum usb_port_action usb_port_look(struct usb_port *port, struct usb_port_status status, bool may_reset,
                                   uint64_t now_us)
{
    enum usb_port_action gone = port->state == USB_PORT_TAKEN ? USB_PORT_DETACH : USB_PORT_NOTHING;
    uint32_t link = status.word >> USB_STATUS_LINK_SHIFT & USB_LINK_MASK;
    bool stuck = status.super && (link == USB_LINK_INACTIVE || link == USB_LINK_COMPLIANCE);
    bool connected = (status.word & USB_STATUS_CONNECTED) != 0 || stuck;
    bool enabled = (status.word & USB_STATUS_ENABLED) != 0 && !stuck;
    bool late = now_us >= port->deadline;
    port->changed = false;
    /* A change during our own reset is the reset's. */
    bool other = status.connect_changed && port->state != USB_PORT_RESETTING;
    if (!connected || other || port->state == USB_PORT_EMPTY) {
        port->attempts = 0;
        return enter(port, connected ? USB_PORT_SETTLING : USB_PORT_EMPTY, now_us + SETTLE_US, gone);
    }
    if (port->state == USB_PORT_TAKEN && !enabled) { /* it babbled (USB 2.0, 11.8.1), or the link broke down */
        (void)usb_port_failed(port, now_us);
        return gone;
    }
    if (port->state == USB_PORT_SETTLING && late)
        port->state = USB_PORT_WAITING;
    /* A link of USB 3 that trained is enabled. A reset is what helps one that did not, or a device that failed. */
    if (port->state == USB_PORT_WAITING && may_reset && status.super && enabled && port->attempts == 0)
        return enter(port, USB_PORT_RECOVERING, now_us + RECOVER_US, USB_PORT_NOTHING);
    if (port->state == USB_PORT_WAITING && may_reset)
        return enter(port, USB_PORT_RESETTING, now_us + RESET_POLL_US,
                     status.super && !enabled ? USB_PORT_WARM_RESET : USB_PORT_RESET);
    if (port->state == USB_PORT_RESETTING && enabled && (status.word & USB_STATUS_RESET) == 0)
        return enter(port, USB_PORT_RECOVERING, now_us + RECOVER_US, USB_PORT_NOTHING);
    if (port->state == USB_PORT_RESETTING && late) {
        port->deadline = now_us + RESET_POLL_US;
        if (++port->polls >= RESET_POLLS)
            (void)usb_port_failed(port, now_us);
    }
    if (port->state == USB_PORT_RECOVERING && late)
        return enter(port, USB_PORT_TAKEN, 0, USB_PORT_ATTACH);
    return USB_PORT_NOTHING;
}
