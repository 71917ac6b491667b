/*
 * SetVirtualAddressMap, once in the life of the firmware, with addresses 1:1 (design rules 5 and 6; UEFI 8.4.1).
 */
#ifndef KEEL_BOOT_VIRTUAL_MAP_H
#define KEEL_BOOT_VIRTUAL_MAP_H

#include "boot/boot.h"

/*
 * Copies what the firmware must be told of from `map` to `out` (as large as the map), virtual addresses filled in.
 * Empty and wrapping descriptors are left out. Returns the bytes written; `bit_missing` says that runtime types
 * without the RUNTIME attribute were among them (they get it in the copy).
 */
uint64_t virtual_map_build(const struct firmware_map *map, uint8_t *out, bool *bit_missing);

/* Phase N, on page tables that map everything 1:1. How it went is in the hand-off: the kernel boots on in any case. */
void virtual_map_set(struct boot *boot);

#endif
