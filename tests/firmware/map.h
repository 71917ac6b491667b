/*
 * The memory map that the kernel is told: the firmware's own, with lies in it.
 *
 * Most lies are told about memory of ours, the ground: 16 MiB that we allocate when the first lie needs them. What the
 * kernel is told of them cannot be wrong for anyone else, so every lie leaves a machine that works, and a ledger that
 * must balance. The rest of the ground is Conventional.
 */
#ifndef KEEL_TESTS_FIRMWARE_MAP_H
#define KEEL_TESTS_FIRMWARE_MAP_H

#include "kernel/base/types.h"

#define MAP_GROUND_PAGES 4096u

/* Replaces GetMemoryMap. False: no memory. Called again and again it does nothing. */
bool map_install(void);

/* A block of the ground, behind those asked for before, is of that type. False: the ground is used up. */
bool map_block(uint32_t type, uint64_t attribute, uint64_t page_count);

/*
 * One more descriptor, true or not, at the end of the map. `on_ground`: `start` counts from the ground's first byte.
 * False: too many of them.
 */
bool map_extra(uint32_t type, uint64_t attribute, uint64_t start, bool on_ground, uint64_t page_count);

/* Everything that the firmware says is `from` is `to`; the ground stays what it is. False: too many of them. */
bool map_retype(uint32_t from, uint32_t to);

uint64_t map_ground(void); /* its address, 0 before map_install */

void map_count(uint64_t count);   /* the ground is split until the map has so many descriptors */
void map_grow(uint64_t count);    /* and into so many pieces more at each call */
void map_page0(uint32_t type);    /* the type of the descriptor at 0, if there is one; cut to one page */
void map_stride(uint64_t stride); /* 0: DescriptorSize is not written */
void map_version(uint32_t version);
void map_no_runtime_bit(void); /* runtime code and data come without the RUNTIME attribute */
void map_reverse(void);
void map_shuffle(void);
void map_lost(void);      /* GetMemoryMap fails after the first ExitBootServices */
void map_key_moves(void); /* the key is stale as soon as it is told */

#endif
