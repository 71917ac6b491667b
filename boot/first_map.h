/*
 * The first page tables of our own: everything that the firmware's map lists at 1:1, for SetVirtualAddressMap, and the
 * image in the high half (handoff->layout) with the access of each section, for the kernel.
 *
 * Owns: the pool of table pages (LoaderData), which is sized and allocated in phase F and filled in phase N. The
 * kernel leaves these tables as soon as it has its own; phase R frees them.
 */
#ifndef KEEL_BOOT_FIRST_MAP_H
#define KEEL_BOOT_FIRST_MAP_H

#include "boot/boot.h"

/* Phase F: a preliminary memory map, and a pool large enough for it and for what may change. False after a refusal. */
bool first_map_reserve(struct boot *boot);

/* Gives the pool back, on the way to a refusal. */
void first_map_release(struct boot *boot);

/* Phase N: builds the tables for the last map and translates with them. Ends in failure_halt if it cannot. */
void first_map_use(struct boot *boot);

#endif
