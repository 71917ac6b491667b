/*
 * Which screen, and in which mode: the last moment to choose, because only boot services can set one.
 *
 * Rules: what is chosen is described as it is found afterwards, not as it was asked for; a mode that cannot be set, or
 * is not what firmware said of it, is given up for the one before. So a machine that showed something goes on to.
 */
#ifndef KEEL_BOOT_GRAPHICS_H
#define KEEL_BOOT_GRAPHICS_H

#include "boot/boot.h"

struct graphics_size {
    uint32_t width_pixels;
    uint32_t height_pixels;
};

/* Phase F, after the command line: fills handoff->screen, or leaves it without a frame buffer. */
void graphics_gather(struct boot *boot);

/* A panel's own size, from its EDID (VESA E-EDID A2, 3.10.2). False: damaged, or without a sensible one. */
bool graphics_edid_size(const uint8_t *edid, uint64_t size_bytes, struct graphics_size *size);

#endif
