/*
 * A network card that goes on receiving after the exit: its driver never reset it, and the rings and buffers that it
 * fills lie in boot-services memory. QEMU's virtio card with the old interface
 * (-device virtio-net-pci,disable-modern=on,rx_queue_size=1024); each frame takes a buffer, and none is given back.
 */
#ifndef KEEL_TESTS_FIRMWARE_VIRTIO_NET_H
#define KEEL_TESTS_FIRMWARE_VIRTIO_NET_H

#include "kernel/base/types.h"

/*
 * Lets the card receive, says so, and waits until a frame has arrived, which is said too. False: there is no card, no
 * memory, or no frame came.
 */
bool virtio_net_prepare(void);

/* Lets it receive anew, if virtio_net_prepare was called: the firmware's own driver may have reset it in the exit. */
void virtio_net_start(void);

#endif
