/*
 * Page frames: who may use which 4 KiB of RAM. frames.c explains the structure with a picture.
 *
 * Owns: struct frames (the shared state, one for the machine) and struct frame_cache (one for each CPU).
 * Rules: an order-n run is 2^n frames, aligned to its size; orders 0 to 9 are fast, 10 to FRAME_ORDER_MAX (1 GiB) are
 * searched for. A run is freed whole or, below order 9, in aligned pieces. A frame_cache is used by one CPU at a time
 * and never from an interrupt handler; everything that takes a struct frames may be called on any CPU. Nothing below
 * LOW_MEMORY_END is ever free. Frames are handed out with whatever they held before.
 */
#ifndef KEEL_MM_FRAMES_H
#define KEEL_MM_FRAMES_H

#include "kernel/base/check.h"
#include "kernel/base/range.h"
#include "kernel/base/spinlock.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "mm/section.h"

#define FRAME_ORDER_BLOCK 9u  /* 2 MiB */
#define FRAME_ORDER_MAX   18u /* 1 GiB */
#define FRAME_ORDERS      10u /* of the index: 0 to 8 for split blocks, 9 for whole ones */
#define FRAME_ROWS        8u  /* words of 64 frames in a block */

/* 64 TiB of sections with RAM: what the root words of an order can tell apart, and what the direct map holds. */
#define FRAME_LEVELS        3u
#define FRAME_ROOT_WORDS    2u
#define FRAMES_SECTIONS_MAX (FRAME_ROOT_WORDS * 64 * 64 * 64)

/* What a CPU may keep for itself: 128 single frames, and runs of orders 1 to 9 (frame_cache.c says how many). */
#define FRAME_CACHE_SINGLES 128u
#define FRAME_CACHE_RUNS    229u

/*
 * A section's 64 blocks, one bit each. A block is free as a whole (order[9]), or split, or neither: handed out as a
 * whole, or never ours. For block b with bit B, rows R, and k < 9:
 *
 *   1. order[9] & split == 0
 *   2. split & B:  free(b) == population count of R, and < 512
 *   3. order[k] & B  ==  (split & B) && k < limit(b)
 *   4. split & B:  no aligned free run of 2^limit(b) frames is in R, and limit(b) == 0 only when free(b) == 0
 *   5. a bit of low or of a level is set if and only if the word below it is not 0
 *   6. frames.free == 512 * bits in order[9] + sum of free(b) of the split, and frames.added == free + handed_out
 *   7. a run that a cache keeps lies in it once, and no frame of it is free here
 */
struct frame_bits {
    uint64_t order[FRAME_ORDERS]; /* 0 to 8 mean something only while a block of the section is split */
};

struct frame_block {
    uint16_t free;  /* both mean something only while the block is split */
    uint16_t limit;
};

/*
 * Slots [first, end), all below 4 GiB or all above. A search is a list of them, in the order in which they are asked,
 * behind which a span with end 0 stands. Those of a CPU may begin with its own node's (mm/node.h).
 */
struct frame_span {
    uint32_t first;
    uint32_t end;
};

struct frames {
    struct spinlock lock;
    const struct section_table *sections;
    uint32_t section_count;
    uint32_t low_count; /* sections below 4 GiB: slots [0, low_count) */
    struct frame_span halves[3]; /* the search of who prefers none: all above 4 GiB, then all below */

    struct frame_bits *bits;    /* [section_count] */
    uint64_t *split;            /* [section_count] */
    struct frame_block *blocks; /* [section_count * 64] */
    uint64_t *rows;             /* [section_count * 64 * FRAME_ROWS]: a set bit is a free frame of a split block */

    /* For each order the sections that have a bit of it: low memory in one word, the rest in levels; 2 is the root. */
    uint64_t low[FRAME_ORDERS];
    uint64_t *level[FRAME_ORDERS][FRAME_LEVELS];

    /* In frames; caches hold handed-out frames as far as these know. added == free + handed_out. */
    uint64_t added;
    uint64_t free;
    uint64_t handed_out;

    struct frame_cache *caches;
};

struct frame_cache {
    struct frames *frames;
    struct frame_cache *next;
    const struct frame_span *search; /* in which it is refilled */
    uint32_t count[FRAME_ORDERS];
    uint64_t runs[FRAME_CACHE_RUNS]; /* physical addresses: 0, then a stack for each order, that of order 0 first */
};

/* For the `frames` command. Counts of frames but for the blocks, which are 2 MiB each. */
struct frames_stats {
    uint64_t free;   /* caches included */
    uint64_t used;
    uint64_t cached;
    uint64_t whole_blocks; /* free as a whole */
    uint64_t split_blocks; /* free in part, or handed out in pieces */
};

/* Bytes of metadata for that many sections: a multiple of 64. */
uint64_t frames_metadata_bytes(uint32_t section_count);

/* Nothing is free afterwards. `metadata` (64-byte aligned, any content) belongs to the allocator from here on. */
void frames_init(struct frames *frames, const struct section_table *sections, void *metadata);

/*
 * The frames of `range` become free. Page-aligned, from 1 MiB up, inside sections of the table, and none of them free
 * already (CHECKed). Used by the start and by reclaim.
 */
void frames_add(struct frames *frames, struct prange range);

/* The cache starts empty, and counts in frames_free_count from here on for ever. */
void frame_cache_init(struct frame_cache *cache, struct frames *frames);

/* From here on it is refilled in this order; the list stays. Its own CPU, or nobody, uses it meanwhile. */
static inline void frame_cache_set_search(struct frame_cache *cache, const struct frame_span *search)
{
    cache->search = search;
}

/* Frames of all orders that all caches keep now. The lock is held; any CPU. */
uint64_t frame_caches_total(const struct frames *frames);

/* What it keeps of one of the FRAME_ORDERS orders: how many, and where their addresses are. */
uint32_t frame_cache_runs(const struct frame_cache *cache, unsigned order, const uint64_t **runs);

/* Every frame that the cache keeps goes back to the shared state. */
void frame_cache_flush(struct frame_cache *cache);

/*
 * A run of 2^order frames, in the order of the cache's search: preferably above 4 GiB. Address 0 when there is none
 * (this CPU's cache included, other CPUs' caches not: of them each may keep 40 MiB, but takes no more than a 64th of
 * what is free at a time).
 *
 * What frame_free CHECKs at once: an address that cannot be such a run, and the run that this CPU freed last. What is
 * free in the shared state is caught when the cache gives it back. (Inline, since most callers know their order.)
 */
struct paddr frame_alloc_single(struct frame_cache *cache);
struct paddr frame_alloc_run(struct frame_cache *cache, unsigned order);
void frame_free_single(struct frame_cache *cache, struct paddr address);
void frame_free_run(struct frame_cache *cache, struct paddr address, unsigned order);

static inline struct paddr frame_alloc(struct frame_cache *cache, unsigned order)
{
    return order == 0 ? frame_alloc_single(cache) : frame_alloc_run(cache, order);
}

static inline void frame_free(struct frame_cache *cache, struct paddr address, unsigned order)
{
    if (order == 0)
        frame_free_single(cache, address);
    else
        frame_free_run(cache, address, order);
}

/* The same, all of the run below the physical address `limit`. Freed by frame_free. */
struct paddr frame_alloc_below(struct frame_cache *cache, unsigned order, uint64_t limit);

/* The same without a cache, for who does not know on which CPU it runs (page tables, stacks). Slower. */
struct paddr frames_take_in(struct frames *frames, const struct frame_span *search, unsigned order, uint64_t limit);
static inline struct paddr frames_take(struct frames *frames, unsigned order, uint64_t limit)
{
    return frames_take_in(frames, frames->halves, order, limit);
}
void frames_give(struct frames *frames, struct paddr address, unsigned order);
#define FRAMES_NO_LIMIT UINT64_MAX

/*
 * What caches are filled from and emptied into, the lock taken once. Returns how many were stored: fewer than `wanted`
 * where memory is scarce (one, or a 64th of what is free, whatever is more), 0 when there are none. Order 0 is taken in
 * whole rows, so up to 63 more, the lowest address of each row last.
 */
uint32_t frames_take_many(struct frames *frames, const struct frame_span *search, unsigned order, uint64_t *addresses,
                          uint32_t wanted);
void frames_give_many(struct frames *frames, unsigned order, const uint64_t *addresses, uint32_t count);

/* Exact while no CPU allocates. Free and used are counted apart: neither is computed from the other's total. */
void frames_get_stats(struct frames *frames, struct frames_stats *stats);

/* What frame_alloc could hand out, caches included. */
static inline uint64_t frames_free_count(struct frames *frames)
{
    struct frames_stats stats;
    frames_get_stats(frames, &stats);
    return stats.free;
}

/* What callers hold. */
static inline uint64_t frames_used_count(struct frames *frames)
{
    struct frames_stats stats;
    frames_get_stats(frames, &stats);
    return stats.used;
}

/* What every free checks: an order that exists, an aligned address from 1 MiB up. */
static inline void frame_check_run(struct paddr address, unsigned order)
{
    CHECK(order <= FRAME_ORDER_MAX);
    CHECK(address.value >= LOW_MEMORY_END);
    CHECK((address.value & ((PAGE_SIZE << order) - 1)) == 0);
}

/* How many frames of the range are free in the shared state; those that a cache keeps are not. */
uint64_t frames_free_in(struct frames *frames, struct prange range);

/* Whether the frame is free in the shared state. False for what was never added. */
static inline bool frames_is_free(struct frames *frames, struct paddr address)
{
    uint64_t frame = align_down(address.value, PAGE_SIZE);
    return frames_free_in(frames, PRANGE(frame, frame + PAGE_SIZE)) != 0;
}

/* Walks the equations above, while no CPU allocates. STATUS_INVALID: one does not hold, by a bug or a flipped bit. */
enum status frames_audit(struct frames *frames) MUST_CHECK;

#endif
