/*
 * What the files of USB share: devices, and the conversation with one of them.
 *
 *     xhci.c          a controller: found, taken from the firmware, reset, run, given up
 *     xhci_event.c    what it tells: completions, reports, changes of ports
 *     xhci_port.c     its root ports                             usb_port.c        a port's life, any port's
 *     xhci_context.c  what it is told about a device             usb_descriptor.c  what a device says of itself
 *     usb_talk.c      one conversation at a time, by a script    usb_keyboard.c    reports to keys
 *     usb_device.c    the scripts: a new device, one that goes, one that stalls, a keyboard's lights
 *     usb_hub.c       the scripts of hubs
 *
 * Owns: struct usb_device. Rules: nothing here waits, but for xhci.c, which waits a bounded time before a controller
 * runs; all else is a step at an event or at a time. One CPU at a time, not from an interrupt handler.
 */
#ifndef KEEL_DRIVERS_USB_H
#define KEEL_DRIVERS_USB_H

#include "drivers/usb_descriptor.h"
#include "drivers/usb_keyboard.h"
#include "drivers/usb_port.h"
#include "drivers/xhci_ring.h"
#include "kernel/base/types.h"

#define USB_DEVICES_MAX 32u /* of a controller, hubs included */
#define USB_TIERS_MAX   5u  /* hubs behind one another: USB 2.0, 4.1.1 */
#define USB_ERRORS_MAX  8u  /* in a row, at the endpoint that reports come from */
#define USB_REPORTS     16u /* asked for ahead: so much is typed while nobody looks */
#define USB_REPORT_BYTES 64u

/* As controllers number them where they say nothing else: xHCI 1.2, 7.2.2.1.1. */
enum usb_speed {
    USB_SPEED_FULL = 1,
    USB_SPEED_LOW = 2,
    USB_SPEED_HIGH = 3,
    USB_SPEED_SUPER = 4, /* and all above */
};

enum usb_device_state {
    USB_DEVICE_FREE,    /* no device: the entry may be used */
    USB_DEVICE_NEW,     /* on its way */
    USB_DEVICE_RUNNING,
    USB_DEVICE_GONE,    /* unplugged or given up: the controller must forget it */
    USB_DEVICE_LEAVING, /* which it is being told */
};

struct xhci;

/* What is told upwards (struct xhci_services). */
enum usb_news {
    USB_NEWS_DEVICE,       /* it is ready: a keyboard, a hub, or something that is left alone */
    USB_NEWS_REMOVED,      /* of what was ready. A keyboard's keys are up */
    USB_NEWS_FAILED,       /* given up after USB_ATTEMPTS_MAX; device->failure says at what */
    USB_NEWS_TOO_MANY,     /* USB_DEVICES_MAX, or what the controller has slots for; device is NULL */
    USB_NEWS_TOO_DEEP,     /* USB_TIERS_MAX; device is the hub */
    USB_NEWS_OVER_CURRENT, /* at a port of this hub, or a root port (NULL) */
    USB_NEWS_DEAD,         /* the controller: it is not looked at again; device is NULL */
};

/*
 * Memory of a device, which the controller reads and writes by itself; it stays with its entry of the table.
 *
 *     0000  device context, 2048   | 0800 ring of endpoint 0, 512 | 0A00 ring of reports, 288 | 0B40 reports, 17 * 64
 *     1000  answers to requests, 4096
 */
#define USB_CONTROL_TRBS   32u
#define USB_REPORT_TRBS    (USB_REPORTS + 2) /* one stays empty: the link is passed before it changes */
#define USB_CONTROL_RING   0x0800u
#define USB_REPORT_RING    0x0A00u
#define USB_REPORT_BUFFERS 0x0B40u
#define USB_ANSWER         0x1000u
#define USB_ANSWER_BYTES   0x1000u
#define USB_DEVICE_ORDER   1u /* of pages: 2 */
_Static_assert(USB_REPORT_RING + USB_REPORT_TRBS * sizeof(struct xhci_trb) <= USB_REPORT_BUFFERS, "drawn above");
_Static_assert(USB_REPORT_BUFFERS + (USB_REPORTS + 1) * USB_REPORT_BYTES <= USB_ANSWER, "drawn above");

struct usb_device {
    struct xhci *xhci;
    enum usb_device_state state;
    bool reports_halted;        /* the endpoint that reports come from wants to be mended */
    uint8_t errors;             /* there, in a row */
    const char *failure;        /* the step that did not work */

    /* Where it is. */
    struct usb_port *at;        /* the port, which points back */
    uint8_t port;               /* its number there, from 1 on */
    uint8_t root_port;
    uint8_t tier;               /* hubs in front of it */
    uint8_t speed;
    uint32_t route;             /* USB 3.2, 8.9: 4 bits for the port of each hub */
    struct usb_device *translator; /* the high-speed hub that speaks low or full speed for us, or NULL */
    uint8_t translator_port;

    /* What it is. */
    uint8_t slot;               /* 0: none yet */
    struct usb_facts facts;

    uint8_t *memory;            /* as drawn above */
    uint64_t address;           /* of it, for the controller */
    struct xhci_ring control;
    struct xhci_ring reports;

    struct usb_keyboard keyboard;
    uint8_t lights;             /* that it shows, as its output report has them: HID 1.11, appendix B.1 */
    uint8_t lights_wanted;

    uint8_t hub_port;           /* which one is being talked about, from 1 on */
    uint8_t hub_changes;        /* still to be acknowledged there */
    uint64_t ports_good;        /* when their power is */
    struct usb_port_status hub_status;
    struct usb_port ports[USB_HUB_PORTS_MAX];
};

/* Of the interrupt endpoint, in contexts and doorbells: xHCI 1.2, 4.5.1. */
static inline uint32_t usb_report_endpoint(const struct usb_device *device)
{
    return 2u * device->facts.function.endpoint + 1;
}

/* What is asked for at a time: keyboards whose packets are larger still send boot reports of 8. */
static inline uint32_t usb_report_bytes(const struct usb_device *device)
{
    return (uint32_t)min_u64(device->facts.function.packet_bytes, USB_REPORT_BYTES);
}

static inline bool usb_is_super(const struct usb_device *device)
{
    return device->speed >= USB_SPEED_SUPER;
}

/* "2", "1.3": ports from the controller on. Returns `text`. */
#define USB_PATH_BYTES 32u
const char *usb_path(const struct usb_device *device, char text[USB_PATH_BYTES]);

#endif
