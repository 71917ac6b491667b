/*
 * The one conversation of a controller: a script of steps, each a question and what is done with its answer.
 *
 *     a command to the controller, or a request to the device  ->  its completion, or too late  ->  take  ->  next
 *
 * Owns: struct usb_talk. Everything but reports goes through here, one at a time, so that there is one command and one
 * request outstanding, and one device without an address. A step that fails fails its device, which is then forgotten,
 * reset, and tried anew (usb_port_failed). An optional one may be refused; a script ends where a request is.
 * Rules: each answer has a deadline. A command that is late is aborted; if that does not help, the controller is dead.
 */
#ifndef KEEL_DRIVERS_USB_TALK_H
#define KEEL_DRIVERS_USB_TALK_H

#include "drivers/usb.h"

/* Who a step is for; 0: everybody. */
#define USB_FOR_KEYBOARD  0x1u
#define USB_FOR_HUB_2     0x2u
#define USB_FOR_HUB_3     0x4u
#define USB_FOR_HUBS      (USB_FOR_HUB_2 | USB_FOR_HUB_3)
#define USB_FOR_REPORTERS (USB_FOR_KEYBOARD | USB_FOR_HUBS)

/* USB 2.0, 9.3. What comes IN stands in the device's memory at USB_ANSWER; what goes OUT is taken from there. */
struct usb_request {
    uint8_t type;
    uint8_t request;
    uint16_t value;
    uint16_t size_bytes; /* at most USB_ANSWER_BYTES */
};

struct usb_step {
    const char *name;           /* for people; NULL ends the script */
    uint8_t who;
    bool optional;
    bool repeated;              /* asked until `choose` finds nothing more to ask */
    uint8_t command;            /* XHCI_COMMAND_*; 0: a request */
    bool control;               /* a command about endpoint 0, not about the one that reports come from */
    struct usb_request request;
    bool (*choose)(struct usb_device *device); /* completes talk.request; false: nothing to ask */
    bool (*take)(struct usb_device *device);   /* false: the answer makes no sense. NULL: the completion is all */
};

#define COMMAND(name, who, optional, command, take)                          \
    {                                                                        \
        name, who, optional, false, command, false, {0, 0, 0, 0}, NULL, take \
    }
#define REQUEST(name, who, type, request, value, size_bytes, choose, take)                  \
    {                                                                                       \
        name, who, false, false, 0, false, {type, request, value, size_bytes}, choose, take \
    }
#define DESCRIPTOR(name, who, to, value, size_bytes, take) \
    REQUEST(name, who, USB_REQUEST_IN | to, USB_GET_DESCRIPTOR, value, size_bytes, NULL, take)
#define OPTIONAL_REQUEST(name, who, type, request, value, size_bytes, choose)              \
    {                                                                                      \
        name, who, true, false, 0, false, {type, request, value, size_bytes}, choose, NULL \
    }
#define REPEATED_REQUEST(name, who, type, request, value, choose)                 \
    {                                                                             \
        name, who, false, true, 0, false, {type, request, value, 0}, choose, NULL \
    }

enum usb_talk_state {
    USB_TALK_ASK,
    USB_TALK_COMMAND, /* asked, and outstanding */
    USB_TALK_ABORT,   /* the same, and told to stop */
    USB_TALK_REQUEST,
    USB_TALK_ANSWERED,
};

struct usb_talk {
    struct usb_device *device; /* NULL: silence */
    const struct usb_step *step;
    void (*end)(struct usb_device *device); /* at the end of the script, or NULL */
    enum usb_talk_state state;
    struct usb_request request;
    uint64_t asked_address; /* of the command's TRB, or of the request's last */
    uint32_t answer_bytes;
    bool good;              /* the answer: what was asked was done */
    uint8_t slot;           /* of a command's answer */
    uint64_t deadline;      /* of the answer, or of the pause before the next question */
};

/* Goes on as far as that is possible now. With a device that is gone it ends, as soon as that is possible. */
void usb_talk_go_on(struct xhci *xhci, uint64_t now_us);

/* From events: a command completed; something of the device's endpoint 0 completed. */
void usb_talk_commanded(struct xhci *xhci, const struct xhci_trb *event);
void usb_talk_transferred(struct usb_device *device, const struct xhci_trb *event);

#endif
