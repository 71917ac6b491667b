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

void early_init(struct early *early, struct memmap *map);

/* `page_count` (not 0) contiguous pages that end at or below `limit`, from the largest such region. Value 0: none. */
struct paddr early_alloc(struct early *early, uint64_t page_count, uint64_t limit);

/* Nothing can be allocated from here on. free_pages is then 0: what is left of each region belongs to the caller. */
void early_close(struct early *early);

/* The part of a conventional region that early allocation has left, and the part that it took. */
struct prange early_rest(const struct memory_region *region);
struct prange early_taken(const struct memory_region *region);

#endif
