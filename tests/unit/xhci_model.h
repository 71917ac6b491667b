/*
 * A controller and what is plugged into it, for tests: registers and memory that behave as xHCI 1.2 says, and that can
 * be told to misbehave.
 *
 * Written from the specification, apart from drivers/xhci*.c; it reads rings and contexts by the addresses that the
 * driver programs, so that a wrong one faults or finds nothing. Time passes a little each time that somebody looks.
 */
#ifndef KEEL_TESTS_UNIT_XHCI_MODEL_H
#define KEEL_TESTS_UNIT_XHCI_MODEL_H

#include "drivers/usb_device.h"
#include "drivers/xhci.h"

#define MODEL_PORTS   4u
#define MODEL_DEVICES 8u
#define MODEL_NEWS    64u
#define MODEL_KEYS    64u

/* Something with a plug. */
struct model_device {
    bool plugged;
    uint8_t speed;            /* enum usb_speed */
    uint8_t class_code;       /* 3: a boot keyboard; 9: a hub; else neither */
    uint8_t stalls;           /* the request (bRequest) that it refuses; 0: none */
    bool silent;              /* answers nothing: requests stay outstanding */
    uint8_t packet_bytes;     /* bMaxPacketSize0 */
    struct model_device *behind[4]; /* a hub's ports, from 1 on */
    uint16_t status[5];       /* of those */
    uint16_t changes[5];
    /* What came of it all. */
    uint8_t configuration;
    uint8_t protocol;         /* 1 until it is told otherwise */
    uint8_t lights;
    uint8_t idle;
    uint16_t depth;
    uint32_t clear_halts;
    /* As the controller has it. */
    uint8_t slot;
    uint64_t rings[32];       /* where to go on, by endpoint; 0: none */
    bool cycles[32];
    bool halted[32];
};

extern struct model {
    uint32_t registers[0x1000 / 4];
    uint64_t now_us;
    /* What it is; set before model_start. */
    bool wide_contexts;
    bool narrow_addresses;  /* no AC64 */
    uint32_t scratchpads;
    bool legacy;            /* firmware owns it */
    bool firmware_keeps_it;
    bool never_resets;
    bool never_starts;
    /* What it does wrong. */
    bool lenient;           /* what it says is made up: the driver cannot be right */
    bool no_answers;        /* to commands */
    bool no_stops;          /* even when they are aborted */
    uint8_t failing_command; /* the type that gets failing_code */
    uint8_t failing_code;
    /* Its own state. */
    uint64_t command_ring;
    bool command_cycle;
    uint32_t event_next;
    bool event_cycle;
    struct model_device *roots[MODEL_PORTS];
    struct model_device *slots[256];
    uint32_t slots_given;   /* and not taken back */
    uint32_t resets;
    /* What the driver told. */
    uint32_t news_count;
    enum usb_news news[MODEL_NEWS];
    char news_paths[MODEL_NEWS][USB_PATH_BYTES];
    uint32_t key_count;
    struct key_event keys[MODEL_KEYS];
    struct usb_device *keyboard; /* the last that was told */
    uint32_t pages_low;     /* of memory that were given */
    uint32_t pages_high;
    bool no_low_memory;
} model;

extern const struct xhci_services model_services;

/* Nothing plugged in, in good health. */
void model_begin(void);
void model_end(void);

/* Registers as the fields above say. */
void model_start(void);

void model_plug(unsigned root_port, struct model_device *device);
void model_unplug(unsigned root_port);
/* The same at a port of a hub, from 1 on; NULL: out. */
void model_plug_hub(struct model_device *hub, unsigned port, struct model_device *device);

/* The device's interrupt endpoint completes its next report, with that code (1: success). */
void model_report(struct model_device *device, const void *report, unsigned size_bytes, uint8_t code);

/* An event as it stands; the cycle bit is seen to. */
void model_event(uint64_t parameter, uint32_t status, uint32_t control);

/* Polls until nothing goes on any more; fails the test when that never is. Returns how often. */
unsigned model_settle(struct xhci *xhci);

/* Whether that was told, of that path ("" for none); with its place in the order, from 0 on, or -1. */
int model_told(enum usb_news news, const char *path);

#endif
