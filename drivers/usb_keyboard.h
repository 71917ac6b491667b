/*
 * A keyboard's boot reports, and what changed between two of them.
 *
 *     byte 0     1    2    3    4    5    6    7
 *     modifiers  -   up to six usages of keys that are down, in any order        HID 1.11, appendix B.1
 *
 * Owns: struct usb_keyboard. Rules: pure; any bytes are safe. A key that is down is told once, until it is up.
 */
#ifndef KEEL_DRIVERS_USB_KEYBOARD_H
#define KEEL_DRIVERS_USB_KEYBOARD_H

#include "drivers/keymap.h"
#include "kernel/base/types.h"

#define USB_KEYBOARD_REPORT_BYTES 8u

/* 8 modifiers, 6 keys up, 6 down: more cannot change at once. */
#define USB_KEYBOARD_EVENTS_MAX 20u

/* Starts zeroed: nothing is down. */
struct usb_keyboard {
    uint8_t down[32]; /* a bit a usage */
};

/*
 * Takes a report; stores what changed, modifiers first, and returns how many did. A report that is too short changes
 * nothing, one that is longer is cut. "Too many keys" (rollover) leaves the keys as they were.
 */
unsigned usb_keyboard_report(struct usb_keyboard *keyboard, const uint8_t *report, size_t size_bytes,
                             struct key_event events[USB_KEYBOARD_EVENTS_MAX]);

#endif
