/*
 * Pages for the memory manager's own needs before there is a frame allocator; they are never given back.
 *
 * Owns: memory_region.early_pages. Takes from the end of a region of Conventional memory from 1 MiB up, so what is left
 * of each region stays one run.
 * Rules: never boot-services or loader memory (no metadata of ours lives in what reclaim frees); one CPU; closed by
 * mm_start_frames, when the rest becomes the frame allocator's.
 */
#ifndef KEEL_MM_EARLY_H
#define KEEL_MM_EARLY_H

#include "kernel/base/check.h"
#include "kernel/base/types.h"
#include "mm/memmap.h"

struct early {
    struct memmap *map;
    uint64_t free_pages;
    uint64_t used_pages;
    bool closed;
};

#define EARLY_ANYWHERE UINT64_MAX
#define EARLY_BELOW_4G (4 * GIB)

static inline void early_init(struct early *early, struct memmap *map)
{
    *early = (struct early){.map = map, .free_pages = memmap_pages(map, MEMORY_CONVENTIONAL, false)};
}

/* `page_count` (not 0) contiguous pages that end at or below `limit`, from the largest such region. Value 0: none. */
struct paddr early_alloc(struct early *early, uint64_t page_count, uint64_t limit);

/* Nothing can be allocated from here on. free_pages is then 0: what is left of each region belongs to the caller. */
void early_close(struct early *early);

/* Whether early allocation may take from the region: conventional memory from 1 MiB up. */
static inline bool early_usable(const struct memory_region *region)
{
    return region->kind == MEMORY_CONVENTIONAL && !memory_region_low(region);
}

/* The part of a usable region that early allocation took, and the part that it has left. */
static inline struct prange early_taken(const struct memory_region *region)
{
    CHECK(early_usable(region));
    return PRANGE(region->range.end.value - ((uint64_t)region->early_pages << PAGE_SHIFT), region->range.end.value);
}

static inline struct prange early_rest(const struct memory_region *region)
{
    return (struct prange){region->range.start, early_taken(region).start};
}

#endif
