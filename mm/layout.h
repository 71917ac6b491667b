/*
 * The kernel's virtual addresses, and where in them each part lies in this life of the machine.
 *
 *   0x0000_0000_0000_0000  not present, but for the trampoline page (1:1, read and execute) while CPUs start.
 *                          Firmware's runtime services use this half in an address space of their own.
 *   0xFFFF_8000_0000_0000  DIRECT_MAP_WINDOW, 120 TiB. Somewhere in it, from a whole GiB on, the direct map: RAM, and
 *                          only RAM, at base + physical address, up to 64 TiB of it; read and write, never execute.
 *                          Our own image has no alias here: its W^X holds in every mapping.
 *   0xFFFF_F800_0000_0000  VSPACE_WINDOW, 7.5 TiB. Somewhere in it, from a multiple of 2 MiB on, 1 TiB of device
 *                          registers, frame buffer, stacks with guard pages, read-only views of firmware tables that
 *                          lie outside RAM; handed out by mm/vspace.c.
 *   0xFFFF_FF80_0000_0000  nothing
 *   0xFFFF_FFFF_8000_0000  IMAGE_WINDOW, 2 GiB but for the last 2 MiB. Somewhere in it, from a page on, keel.efi, a
 *                          section at a time: text RX, rdata R, data RW. It is linked for the window's start.
 *
 *      DIRECT_MAP_WINDOW                       VSPACE_WINDOW                 IMAGE_WINDOW
 *      | GiB * n | RAM, <= 64 TiB |    free    | 2 MiB * n | 1 TiB | free |   | page * n | image | free | 2 MiB |
 *      +---------+----------------+------------+-----------+-------+------+ - +----------+-------+------+-------+
 *
 * The windows have no top-level page table in common, so no part can grow into another one's. How many places there
 * are: image 2^19; direct map 2^16.9, 2^15.8 with 64 TiB of RAM; vspace 2^21.7. A page is the step of the image,
 * because it is mapped by pages in any case; a GiB that of the direct map, so that the largest pages stay the largest.
 *
 * The addresses are canonical with 4 and with 5 levels of page tables (SDM volume 3, 4.5), so one layout serves both.
 */
#ifndef KEEL_MM_LAYOUT_H
#define KEEL_MM_LAYOUT_H

#include "kernel/base/entropy.h"
#include "kernel/base/types.h"

#define DIRECT_MAP_WINDOW 0xFFFF800000000000ull
#define DIRECT_MAP_BYTES  (64 * TIB) /* of RAM, at most */
#define VSPACE_WINDOW     0xFFFFF80000000000ull
#define VSPACE_WINDOW_END 0xFFFFFF8000000000ull
#define VSPACE_BYTES      (1 * TIB)
#define IMAGE_WINDOW      0xFFFFFFFF80000000ull
#define IMAGE_WINDOW_END  0xFFFFFFFFFFE00000ull /* an end can be computed anywhere, and small negative numbers fault */

/* Where each part begins. */
struct layout {
    uint64_t image;
    uint64_t direct_map;
    uint64_t vspace;
};

/* As linked: each at the start of its window. */
#define LAYOUT_LINKED {IMAGE_WINDOW, DIRECT_MAP_WINDOW, VSPACE_WINDOW}

/*
 * Anywhere that it fits: an image of that size, and RAM that ends at `ram_end` (what is above DIRECT_MAP_BYTES is left
 * out).
 */
struct layout layout_choose(struct entropy *entropy, uint64_t image_bytes, uint64_t ram_end);

#endif
