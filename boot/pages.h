/*
 * Pages from the firmware, as LoaderData: the only type that every firmware takes (some freeze in ExitBootServices
 * when a loader used a type of its own) and that nobody but us touches after the exit.
 */
#ifndef KEEL_BOOT_PAGES_H
#define KEEL_BOOT_PAGES_H

#include "boot/efi.h"
#include "boot/handoff.h"

#define PAGES_ANYWHERE UINT64_MAX

/* Pages whose last byte is at or below `highest_address`, never page 0. Empty (size 0) when there are none. */
struct handoff_range pages_allocate(struct efi_system_table *system_table, uint64_t page_count,
                                    uint64_t highest_address);

/* Gives a range of pages_allocate back and empties it; an empty one is fine. */
void pages_free(struct efi_system_table *system_table, struct handoff_range *range);

#endif
