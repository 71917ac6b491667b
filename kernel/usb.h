/*
 * USB controllers of the machine, and the keyboards on them.
 *
 * Owns: a struct xhci for each controller, and a struct keyboard for each keyboard that is plugged in.
 * Rules: on the boot CPU, not in a handler. The interrupt only wakes the CPU: all that a controller tells is taken by
 * usb_poll, which whoever waits for keys calls before it sleeps. A controller that cannot be had, or dies, is logged,
 * may write to memory no more, and is done without. EHCI, OHCI and UHCI are not driven: their bus mastering is off.
 */
#ifndef KEEL_KERNEL_USB_H
#define KEEL_KERNEL_USB_H

#include "kernel/base/types.h"

/* The firmware gives the controllers up; they are reset. Before reclaim, for the rings that they used lie there. */
void usb_take_over(void);

/* They run again, for us. What is plugged in is found by usb_poll, some tenths of a second later. */
void usb_start(void);

/* Takes what the controllers have, and goes on with what is going on. True: something was logged. */
bool usb_poll(void);

/* In how many microseconds usb_poll wants to be called; 0: now. UINT64_MAX: when an interrupt comes. Handlers may. */
uint64_t usb_due_us(void);

/* For the `usb` command. */
void usb_print(void);

#endif
