/*
 * What happens at a port, a root port's or a hub's: something comes, settles, is reset, and is there until it goes.
 *
 *     EMPTY --connected--> SETTLING --100 ms, and its turn--> RESETTING --enabled--> RECOVERING --10 ms--> TAKEN
 *                             ^                                  | not enabled in time                      |
 *                             '----- again, USB_ATTEMPTS_MAX in all; then FAILED ------- does not work -----'
 *
 * Owns: struct usb_port. Rules: pure; time is told, and what a port says is input. Any state leads to EMPTY when
 * nothing is connected, or something else is. Sources: USB 2.0, 7.1.7.3 (100 ms) and 7.1.7.5 (10 ms).
 */
#ifndef KEEL_DRIVERS_USB_PORT_H
#define KEEL_DRIVERS_USB_PORT_H

#include "drivers/usb_requests.h"
#include "kernel/base/types.h"

#define USB_ATTEMPTS_MAX 3u

enum usb_port_state {
    USB_PORT_EMPTY,
    USB_PORT_SETTLING,
    USB_PORT_RESETTING,
    USB_PORT_RECOVERING,
    USB_PORT_TAKEN,
    USB_PORT_FAILED, /* until it is unplugged */
};

struct usb_device;

/* Starts zeroed. */
struct usb_port {
    enum usb_port_state state;
    uint8_t attempts;          /* that failed since something was plugged in */
    bool changed;              /* its status is worth a look */
    uint64_t deadline;         /* of the states in which time passes */
    struct usb_device *device; /* when TAKEN */
};

/*
 * What a port says. A root port's register and a hub's answer have the same bits where we look: USB_STATUS_* of `word`,
 * USB_CHANGE_* of `changes`, those since the last look.
 */
struct usb_port_status {
    uint32_t word;
    uint8_t changes;
    bool super;    /* of USB 3: enabled without a reset, if the link came up */
    uint8_t speed; /* enum usb_speed, once it is enabled */
};

enum usb_port_action {
    USB_PORT_NOTHING,
    USB_PORT_RESET,
    USB_PORT_WARM_RESET, /* of USB 3: the link did not come up */
    USB_PORT_ATTACH, /* something is there and enabled */
    USB_PORT_DETACH, /* what was there is gone */
};

/* Takes one look. `may_reset`: no other device is on its way to an address. */
enum usb_port_action usb_port_look(struct usb_port *port, struct usb_port_status status, bool may_reset,
                                   uint64_t now_us);

/* What is there does not work: it is reset and tried anew, or given up. True: given up. */
bool usb_port_failed(struct usb_port *port, uint64_t now_us);

/* Whether something goes on there that ends by itself. */
static inline bool usb_port_is_busy(const struct usb_port *port)
{
    return port->changed || (port->state >= USB_PORT_SETTLING && port->state <= USB_PORT_RECOVERING);
}

/* Whether time or an event asks for a look. */
static inline bool usb_port_is_due(const struct usb_port *port, uint64_t now_us)
{
    return port->changed || (usb_port_is_busy(port) && now_us >= port->deadline);
}

/* Whether a device there has no address of its own yet: there may be one such device at a time. */
static inline bool usb_port_is_resetting(const struct usb_port *port)
{
    return port->state == USB_PORT_RESETTING || port->state == USB_PORT_RECOVERING;
}

static inline bool usb_ports_any(const struct usb_port *ports, uint32_t count, bool (*is)(const struct usb_port *port))
{
    for (uint32_t i = 0; i < count; i++)
        if (is(&ports[i]))
            return true;
    return false;
}

#endif
