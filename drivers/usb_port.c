/* A port's life, a look at a time. usb_port.h draws it. */
#include "drivers/usb_port.h"

#define SETTLE_US  100000u /* USB 2.0, 7.1.7.3: TATTDB */
#define RECOVER_US 10000u  /* 7.1.7.5: TRSTRCY */

#define RESET_US   500000u /* takes 10 to 20 ms, of USB 3 up to 150 ms: 11.5.1.5; USB 3.2, table 6-30 */
#define TURN_US    20000u  /* how often what waits for its turn is looked at */

static enum usb_port_action enter(struct usb_port *port, enum usb_port_state state, uint64_t deadline,
                                  enum usb_port_action action)
{
    port->state = state;
    port->deadline = deadline;
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
    /* After a change it may be something else that is connected; during our own reset it is the reset's. */
    bool other = (status.changes & USB_CHANGE_CONNECT) != 0 && port->state != USB_PORT_RESETTING;
    port->changed = false;
    if (!connected || other || port->state == USB_PORT_EMPTY) {
        port->attempts = 0;
        return enter(port, connected ? USB_PORT_SETTLING : USB_PORT_EMPTY, now_us + SETTLE_US, gone);
    }
    if ((port->state == USB_PORT_TAKEN && !enabled) || /* it babbled (USB 2.0, 11.8.1), or the link broke down */
        (port->state == USB_PORT_RESETTING && !enabled && late)) {
        (void)usb_port_failed(port, now_us);
        return gone;
    }
    if (port->state == USB_PORT_SETTLING && late && !may_reset)
        return enter(port, USB_PORT_SETTLING, now_us + TURN_US, USB_PORT_NOTHING);
    /* A link of USB 3 that trained is enabled. A reset is what helps one that did not, or a device that failed. */
    bool trained = port->state == USB_PORT_SETTLING && late && status.super && enabled && port->attempts == 0;
    if (port->state == USB_PORT_SETTLING && late && !trained)
        return enter(port, USB_PORT_RESETTING, now_us + RESET_US,
                     status.super && !enabled ? USB_PORT_WARM_RESET : USB_PORT_RESET);
    if (trained || (port->state == USB_PORT_RESETTING && enabled && (status.word & USB_STATUS_RESET) == 0))
        return enter(port, USB_PORT_RECOVERING, now_us + RECOVER_US, USB_PORT_NOTHING);
    if (port->state == USB_PORT_RECOVERING && late)
        return enter(port, USB_PORT_TAKEN, 0, USB_PORT_ATTACH);
    return USB_PORT_NOTHING;
}
