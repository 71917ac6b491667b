/*
 * Loading build/driver.efi (boot_driver.c), a driver of the boot-services kind, which stays in memory and handles
 * events of the exit and of SetVirtualAddressMap. Its file is a part of ours (driver_image.asm).
 */
#ifndef KEEL_TESTS_FIRMWARE_DRIVER_H
#define KEEL_TESTS_FIRMWARE_DRIVER_H

#include "kernel/base/types.h"

/* False: the firmware does not load or start it. */
bool driver_load(void);

#endif
