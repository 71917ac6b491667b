/*
 * The kernel's virtual addresses.
 *
 *   0x0000_0000_0000_0000  not present, but for the trampoline page (1:1, read and execute) while CPUs start.
 *                          Firmware's runtime services use this half in an address space of their own.
 *   0xFFFF_8000_0000_0000  DIRECT_MAP_BASE: RAM, and only RAM, at base + physical address; read and write, never
 *                          execute; 64 TiB. Our own image has no alias here: its W^X holds in every mapping.
 *   0xFFFF_C000_0000_0000  VSPACE_BASE: device registers, frame buffer, stacks with guard pages, read-only views of
 *                          firmware tables that lie outside RAM; 1 TiB, handed out by mm/vspace.c.
 *   0xFFFF_FFFF_8000_0000  KERNEL_IMAGE_BASE: keel.efi as linked, a section at a time: text RX, rdata R, data RW.
 *
 * The addresses are canonical with 4 and with 5 levels of page tables (SDM volume 3, 4.5), so one layout serves both.
 */
#ifndef KEEL_MM_LAYOUT_H
#define KEEL_MM_LAYOUT_H

#include "kernel/base/types.h"

#define DIRECT_MAP_BASE   0xFFFF800000000000ull
#define DIRECT_MAP_BYTES  (64 * TIB)
#define VSPACE_BASE       0xFFFFC00000000000ull
#define VSPACE_BYTES      (1 * TIB)
#define KERNEL_IMAGE_BASE 0xFFFFFFFF80000000ull

#endif
