/*
 * A controller of USB by xHCI: its registers, taking it from the firmware, running it, and giving it up.
 *
 *     registers    capability | operational, ports | runtime | doorbells        each where the first say
 *     memory       contexts of devices, scratchpads, rings of commands and of events
 *
 * Owns: struct xhci and all that hangs on it. Rules: offsets that registers give are checked against the window before
 * they are used; all ones mean that the controller is gone. Source: xHCI 1.2 ("xHCI" in comments), chapters 4 to 7.
 */
#ifndef KEEL_DRIVERS_XHCI_H
#define KEEL_DRIVERS_XHCI_H

#include "drivers/usb_talk.h"
#include "kernel/base/status.h"
#include "kernel/x86/io.h"

#define XHCI_PORTS_MAX 64u /* root ports that are looked at */

/*
 * Memory of a controller, beside that of its devices.
 *
 *     its page      0000  addresses of device contexts, 33 * 8 | 0400 segment table, 16 | 0800 ring of commands, 1024
 *     events        one page of them
 *     input         one page: the contexts that a command brings along
 */
#define XHCI_SEGMENT_TABLE 0x400u
#define XHCI_COMMAND_RING  0x800u
#define XHCI_COMMAND_TRBS  64u
#define XHCI_EVENT_TRBS    (PAGE_SIZE / sizeof(struct xhci_trb))

/* What a controller needs, and whom it tells. */
struct xhci_services {
    uint64_t (*now_us)(void);
    /* 2^order pages for good, all zeros, aligned to their size; below 4 GiB if `low`. NULL: there are none. */
    void *(*memory)(unsigned order, bool low, uint64_t *address);
    void (*tell)(struct xhci *xhci, enum usb_news news, struct usb_device *device);
    /* Of a keyboard that was told to be there. USAGE_ROLL_OVER: none of its keys is known to be down any more. */
    void (*key)(const struct usb_device *device, struct key_event event);
};

struct xhci {
    const struct xhci_services *services;
    volatile uint8_t *registers;
    uint64_t window_bytes;
    uint32_t operational; /* offsets */
    uint32_t runtime;
    uint32_t doorbells;
    uint32_t extended;    /* the first extended capability; 0: none */
    uint16_t version;     /* 0x0100 is 1.0 */
    uint8_t slot_count;   /* that we use */
    uint8_t port_count;   /* that are looked at */
    bool ports_cut;       /* there are more */
    bool wide;            /* AC64: takes addresses above 4 GiB */
    uint32_t context_bytes; /* 32 or 64 */
    uint32_t scratchpad_count;
    bool kept;            /* the firmware did not let go of it, and was told off */
    bool running;
    const char *failure;  /* why it does not run */

    uint64_t *contexts;   /* of devices, by slot: addresses */
    uint64_t contexts_address;
    uint8_t *input;       /* the one input context */
    uint64_t input_address;
    struct xhci_ring commands;
    struct xhci_events events;
    uint32_t event_count; /* ever */

    struct usb_talk talk;
    struct usb_port ports[XHCI_PORTS_MAX];
    struct usb_device devices[USB_DEVICES_MAX];
    struct usb_device *slots[USB_DEVICES_MAX + 1];
};

/*
 * Reads what the controller is. *xhci is all zeros; `registers` are its window. STATUS_NOT_FOUND: all ones.
 * STATUS_INVALID: registers outside of the window.
 */
enum status xhci_init(struct xhci *xhci, volatile void *registers, uint64_t window_bytes,
                      const struct xhci_services *services) MUST_CHECK;

/*
 * The firmware gives it up (xHCI 7.1), or is told to; no more SMIs; halted. STATUS_TIMEOUT: it does not halt, and may
 * go on writing to memory: no bus mastering for it.
 */
enum status xhci_take_over(struct xhci *xhci) MUST_CHECK;

/*
 * Resets it and starts it, in whatever state it was. Bus mastering is on. What fails: STATUS_NO_MEMORY,
 * STATUS_UNSUPPORTED (its page size), STATUS_TIMEOUT.
 */
enum status xhci_start(struct xhci *xhci) MUST_CHECK;

/* Takes events and goes on with what is going on. Any time; does nothing when it does not run. xhci_event.c. */
void xhci_poll(struct xhci *xhci);

/* Whether something goes on there that takes time, not events: xhci_poll is due again in some milliseconds. */
bool xhci_is_busy(const struct xhci *xhci);

/* An event is waiting. Reads memory only: for a look with interrupts off, before a HLT. */
static inline bool xhci_is_pending(const struct xhci *xhci)
{
    return xhci->running && xhci_events_pending(&xhci->events);
}

/* It is not used any more: all its devices are gone, which is told, then USB_NEWS_DEAD. */
void xhci_give_up(struct xhci *xhci, const char *why);

/* ---- For the other files of the driver ---- */

static inline uint32_t xhci_read(const struct xhci *xhci, uint32_t offset)
{
    return mmio_read32(xhci->registers + offset);
}

static inline void xhci_write(struct xhci *xhci, uint32_t offset, uint32_t value)
{
    mmio_write32(xhci->registers + offset, value);
}

/* Two halves, the lower first: xHCI 5.1 lets a controller without AC64 ignore the upper. */
static inline void xhci_write64(struct xhci *xhci, uint32_t offset, uint64_t value)
{
    xhci_write(xhci, offset, (uint32_t)value);
    xhci_write(xhci, offset + 4, (uint32_t)(value >> 32));
}

/* Begins a conversation (usb_talk.h); there is none. `end` is called at the end of the script, unless it is NULL. */
static inline void usb_talk_begin(struct usb_device *device, const struct usb_step *script,
                                  void (*end)(struct usb_device *device))
{
    device->xhci->talk = (struct usb_talk){.device = device, .step = script, .end = end};
}

/* Slot 0: commands; else `target` is the endpoint. xHCI 5.6. */
static inline void xhci_ring_doorbell(struct xhci *xhci, uint32_t slot, uint32_t target)
{
    xhci_write(xhci, xhci->doorbells + 4 * slot, target);
}

/* How something went: the completion code of an event, and bytes that were left over. xHCI 6.4.2. */
#define XHCI_LEFT_MASK 0xFFFFFFu

static inline uint8_t xhci_code(const struct xhci_trb *event)
{
    return (uint8_t)(event->status >> 24);
}

static inline bool xhci_code_is_good(const struct xhci_trb *event)
{
    return xhci_code(event) == XHCI_CODE_SUCCESS || xhci_code(event) == XHCI_CODE_SHORT_PACKET;
}

static inline bool xhci_code_is_stop(const struct xhci_trb *event)
{
    return xhci_code(event) >= XHCI_CODE_STOPPED && xhci_code(event) <= XHCI_CODE_STOPPED_LAST;
}

/* Pages as xhci_services.memory gives them: below 4 GiB, for AC64 is a promise that some break; above if it must be. */
void *xhci_memory(struct xhci *xhci, unsigned order, uint64_t *address);

/* Root ports, xhci_port.c: power for all; a look at those that are due. */
void xhci_ports_start(struct xhci *xhci);
void xhci_ports_go_on(struct xhci *xhci, uint64_t now_us);

/* Whether there is a port that is so, a root port or a hub's. */
bool xhci_any_port(const struct xhci *xhci, bool (*is)(const struct usb_port *port));

/* What any port says, a root port or a hub's (else NULL), taken. Returns what is to be asked of it: a reset. */
enum usb_port_action xhci_look(struct xhci *xhci, struct usb_device *hub, struct usb_port *port, uint8_t number,
                               struct usb_port_status status);

/* What a command brings along (xHCI 4.3.3, 4.6.6), of what is known: in xhci->input, whose address it returns. */
uint64_t xhci_input_context(struct usb_device *device);

#endif
