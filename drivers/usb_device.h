/*
 * Devices: from a port that has something to a keyboard that types, and back.
 *
 * Owns: the entries of xhci->devices. What is new is spoken to by the script in usb_device.c; what is no keyboard and
 * no hub gets an address and is then left alone.
 * Rules: as in usb.h. Source: xHCI 1.2, 4.3; USB 2.0, 9.1 and 9.4; HID 1.11, 7.2.
 */
#ifndef KEEL_DRIVERS_USB_DEVICE_H
#define KEEL_DRIVERS_USB_DEVICE_H

#include "drivers/usb_talk.h"

/* Something is enabled at a port: of `parent`, or at a root port (NULL). */
void usb_device_attach(struct xhci *xhci, struct usb_device *parent, struct usb_port *at, uint8_t port, uint8_t speed);

/* It is gone, with all that is behind it: keys are up, the controller is told to forget it. NULL: nothing. */
void usb_device_detach(struct usb_device *device);

/* It did not do `step`, or not in time: reset and tried anew, or given up. */
void usb_device_fail(struct usb_device *device, const char *step);

/* Begins a conversation with the next that needs one. False: nobody does. */
bool usb_device_next(struct xhci *xhci, uint64_t now_us);

/* From events: something came of the endpoint that reports come from. */
void usb_device_reported(struct usb_device *device, const struct xhci_trb *event);

/* A keyboard shows these from the next conversation on: bit 0 Num Lock, 1 Caps Lock, 2 Scroll Lock. */
static inline void usb_device_set_lights(struct usb_device *device, uint8_t lights)
{
    device->lights_wanted = lights;
}

#endif
