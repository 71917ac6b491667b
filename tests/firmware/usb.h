/*
 * A USB controller that goes on after the exit: QEMU's xHCI (-device qemu-xhci). The firmware's driver stopped it
 * in the exit; it runs again, with the rings that it has in boot-services memory, and writes there when a port changes.
 */
#ifndef KEEL_TESTS_FIRMWARE_USB_H
#define KEEL_TESTS_FIRMWARE_USB_H

#include "kernel/base/types.h"

/* Finds the controller, which the firmware's driver has running. False: there is none, or it does not run. */
bool usb_prepare(void);

/* Lets it run on, if usb_prepare was called, and says where its events go. */
void usb_start(void);

#endif
