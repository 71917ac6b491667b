/*
 * The end of a boot that failed after ExitBootServices, when there is no firmware to return to and no kernel yet.
 *
 * What a person sees: a bar across the top of the screen, eight blocks, white for a 1 and red for a 0, the code's
 * highest bit first; and one line on the first serial port with the code, its text and two numbers. Then the CPU halts.
 * What does not fail but never ends is told by marks (kernel/base/mark.h), drawn before each phase.
 */
#ifndef KEEL_BOOT_FAILURE_H
#define KEEL_BOOT_FAILURE_H

#include "boot/firmware_map.h"
#include "boot/handoff.h"
#include "kernel/base/mark.h"

/* Codes never change their meaning: docs and users quote them. The texts stand beside them in failure.c. */
enum failure {
    FAILURE_EXIT_NEVER_AGREED = 1, /* attempts, last status */
    FAILURE_EXIT_ERROR = 2,        /* attempts, status */
    FAILURE_EXIT_NO_MAP = 3,       /* attempts, status */
    FAILURE_PAGE_TABLES = 4,       /* enum status, pages of the pool */
    FAILURE_FAULT = 5,             /* vector, instruction */
};

/* Failures show on this screen from here on. False: it has no frame buffer, or an impossible one, or one in RAM. */
bool failure_use_screen(const struct handoff_screen *screen, const struct firmware_map *map);

/*
 * Shows which phase is about to begin, for a machine on which it never ends; before SetVirtualAddressMap, which is the
 * firmware's code, by a line on the serial port too. May fault where no page maps that screen: from fault_install on,
 * failure_mark_contained.
 */
void EFIAPI failure_mark(uint64_t mark);

/* The same through fault_contain. False: it faulted, or there is no screen; and no mark is drawn from then on. */
bool failure_mark_contained(enum mark mark);

/* Needs nothing to work: any stack, any page tables that map boot/. Every wait is bounded. */
NORETURN void failure_halt(enum failure failure, uint64_t first, uint64_t second);

#endif
