/*
 * Hubs: their steps among those of a new device, and the talk about one of their ports.
 *
 * Owns: facts.hub, ports and hub_* of a device. Rules: as in usb.h. Source: USB 2.0, 11.23 and 11.24; USB 3.2, 10.15
 * and 10.16.
 */
#ifndef KEEL_DRIVERS_USB_HUB_H
#define KEEL_DRIVERS_USB_HUB_H

#include "drivers/usb_talk.h"

/* Of the steps of a new one: the next port without power. */
bool usb_hub_next_port(struct usb_device *device);

/* Its endpoint says which ports changed. */
void usb_hub_reported(struct usb_device *device, const uint8_t *report, size_t size_bytes);

/* Begins a talk about a port that is due. False: none is. */
bool usb_hub_begin(struct usb_device *device, uint64_t now_us);

#endif
