/*
 * The page below 1 MiB from which the kernel starts the other CPUs (design rule 9): a SIPI can name no other place.
 */
#ifndef KEEL_BOOT_TRAMPOLINE_PAGE_H
#define KEEL_BOOT_TRAMPOLINE_PAGE_H

#include "boot/boot.h"

/* Phase F: asks the firmware for it. That there is none is no refusal. */
void trampoline_page_reserve(struct boot *boot);

/* Gives it back, on the way to a refusal. */
void trampoline_page_release(struct boot *boot);

/*
 * Phase N, after SetVirtualAddressMap, when the firmware owned all of it: one that boot services have left behind.
 * Without any, the machine runs on one CPU.
 */
void trampoline_page_take(struct boot *boot);

/* The highest page below 0xA0000, but not page 0, that only boot-services or free memory of the map covers; 0: none. */
uint64_t trampoline_page_choose(const struct firmware_map *map);

#endif
