/*
 * Blocks along the top edge of the screen, from the left, one for each phase of the boot that has begun: while no text
 * can be shown, a photograph of them tells where a machine stopped.
 *
 *     +------------------------------------
 *     | ##  ##  ##                             three blocks: the third phase has begun, and is not over
 *     |
 *
 * White on black, whatever is below; text begins in the same place and wipes them. docs/debugging.md lists the phases.
 */
#ifndef KEEL_BASE_MARK_H
#define KEEL_BASE_MARK_H

#include "kernel/base/types.h"

/* The order of a boot; numbers never change their meaning: docs and users quote them. */
enum mark {
    MARK_NONE = 0,
    MARK_EXIT = 1,        /* ExitBootServices */
    MARK_PROCESSOR = 2,   /* our descriptor tables and control registers */
    MARK_FIRST_MAP = 3,   /* the first page tables */
    MARK_VIRTUAL_MAP = 4, /* SetVirtualAddressMap */
    MARK_JUMP = 5,        /* low memory for the other CPUs, relocation, the jump, the kernel's first lines */
    MARK_MEMORY = 6,      /* the kernel's own page tables, frames, stack */
    MARK_SCREEN = 7,      /* fonts and text */
};

/* Draws block number `mark` on a frame buffer of 32 bits a pixel; the geometry has been checked. */
void mark_draw(uint32_t *pixels, uint32_t width_pixels, uint32_t height_pixels, uint32_t pitch_pixels, enum mark mark);

#endif
