/*
 * A sorted list of disjoint page ranges, each with the way it is to be mapped.
 *
 * Firmware's map may be unsorted, overlapping and split into hundreds of pieces. Page tables want each page once, and
 * few tables. So the ranges are added in order of importance: what is already there keeps its flags, only the gaps are
 * filled, and neighbours that agree become one.
 */
#ifndef KEEL_BOOT_SPAN_H
#define KEEL_BOOT_SPAN_H

#include "boot/firmware_map.h"
#include "kernel/base/range.h"

/* A range added to n spans leaves at most 2n + 1 of them; 8 are for ranges that are not the map's. */
#define SPAN_MAX (2 * (FIRMWARE_MAP_DESCRIPTORS_MAX + 8u))

struct span {
    struct prange range; /* whole pages */
    uint32_t flags;      /* of mm/paging.h */
    uint32_t optional;   /* the boot goes on without it */
};

struct span_list {
    uint32_t count;
    struct span spans[SPAN_MAX];
};

/* Adds those parts of span->range (whole pages) that no span of the list covers yet. */
void span_add(struct span_list *list, const struct span *span);

/* How many page tables below the root it takes to map the list 1:1 with the largest pages that fit. */
uint64_t span_table_count(const struct span_list *list, unsigned levels, bool gigabyte_pages);

#endif
