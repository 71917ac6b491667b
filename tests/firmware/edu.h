/*
 * A device that goes on working after the exit: QEMU's `edu` (-device edu,dma_mask=0xffffffff), told when
 * ExitBootServices returns to copy into boot-services memory, which it does a tenth of a second later.
 */
#ifndef KEEL_TESTS_FIRMWARE_EDU_H
#define KEEL_TESTS_FIRMWARE_EDU_H

#include "kernel/base/types.h"

/*
 * Finds the device and lets it copy a pattern there and back: it works, and the serial line says where it will write.
 * False: no device, or it does not work.
 */
bool edu_prepare(void);

/* Starts the copy, if edu_prepare was called. */
void edu_start(void);

#endif
