/*
 * What only boot services can tell: everything that the kernel wants to know later, asked before the exit and before
 * SetVirtualAddressMap, which makes the system table's own pointers virtual.
 */
#ifndef KEEL_BOOT_GATHER_H
#define KEEL_BOOT_GATHER_H

#include "boot/boot.h"

/* Phase F. False after a refusal: firmware without the loaded-image protocol is none. Anything else may be absent. */
bool gather(struct boot *boot);

/* The protocol on a handle, or NULL. */
void *gather_protocol(const struct boot *boot, void *handle, const struct efi_guid *guid);

#endif
