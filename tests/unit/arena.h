/*
 * Physical memory for tests of the allocators: a reserved stretch of the host's address space, a section table over the
 * ranges that are RAM in it, and frames over all of that.
 *
 * Rules: one arena at a time. Ranges are given rising and apart; nothing is touched that a test does not touch.
 */
#ifndef KEEL_TESTS_UNIT_ARENA_H
#define KEEL_TESTS_UNIT_ARENA_H

#include "mm/frames.h"
#include "mm/paging.h"

struct arena {
    uint64_t window; /* add to a physical address; 0 when only the frames are of interest */
    struct section_table sections;
    struct frames frames;
    struct frame_cache cache;
    void *metadata;
    uint64_t bytes;
    uint64_t tables; /* of arena_table_source, out at this time */
    uint64_t tables_max;
};

/* With `backed`, the memory up to the last range's end can be read and written. Frees all ranges to the allocator. */
void arena_create(struct arena *arena, const struct prange *ranges, unsigned range_count, bool backed);
void arena_destroy(struct arena *arena);

/* Tables from the arena's frames, at most tables_max; CHECKs that no translation is stale when one is freed. */
struct table_source arena_table_source(struct arena *arena);

#endif
