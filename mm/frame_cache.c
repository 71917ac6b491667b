/*
 * A CPU's stock of frames, in front of the shared state of frames.c.
 *
 * Owns: the stacks of a struct frame_cache, one for each of orders 0 to 9. The last freed is the next to go, while it
 * is warm. An empty stack is filled in part, a full one gives its older runs back, so a CPU takes the lock once for
 * many calls, however it mixes them.
 *
 *     runs    [0] | frames, up to 128  ->      | order 1  -> | order 2 -> |   ...   | order 9 -> |
 *              0    oldest ...... newest         oldest ...
 *
 * Rules: one CPU at a time, no interrupt handler; only the counts are read by others. The fast paths are leaves that
 * end in a jump to the slow ones: they save no register. A bad address never gets in: the fast paths leave it to the
 * slow ones, which CHECK.
 */
#include "kernel/base/string.h"
#include "mm/frames.h"

/* Other CPUs read the counts for the totals while this one writes them. */
static inline uint32_t cache_count(const struct frame_cache *cache, unsigned order)
{
    return __atomic_load_n(&cache->count[order], __ATOMIC_RELAXED);
}

static inline void cache_set_count(struct frame_cache *cache, unsigned order, uint32_t count)
{
    __atomic_store_n(&cache->count[order], count, __ATOMIC_RELAXED);
}

/*
 * Of each order: where its stack begins in runs[] and how many it holds; how many move when it is empty, and when it is
 * full. More than half of the frames go at once, for that is cheaper, and the fewer lie about, the sooner a block is
 * whole. Of orders 4 to 8 half, which suits callers who take and give by turns.
 */
static const struct stack {
    uint64_t unaligned; /* address bits that are 0 in a run of the order */
    uint8_t first;
    uint8_t capacity;
    uint8_t refill;
    uint8_t flush;
} stacks[FRAME_ORDERS] = {
    {0xFFF, 1, FRAME_CACHE_SINGLES, 64, 112},
    {0x1FFF, 129, 16, 8, 8},
    {0x3FFF, 145, 16, 8, 8},
    {0x7FFF, 161, 16, 8, 8},
    {0xFFFF, 177, 8, 4, 4},
    {0x1FFFF, 185, 8, 4, 4},
    {0x3FFFF, 193, 8, 4, 4},
    {0x7FFFF, 201, 8, 4, 4},
    {0xFFFFF, 209, 8, 4, 4},
    {0x1FFFFF, 217, 12, 8, 12},
};
_Static_assert(FRAME_CACHE_RUNS == 217 + 12, "the last stack ends there");

/* Gives back the `count` oldest. */
static void cache_flush_order(struct frame_cache *cache, unsigned order, uint32_t count)
{
    uint64_t *stack = cache->runs + stacks[order].first;
    uint32_t left = cache_count(cache, order) - count;
    /* The oldest lie at the bottom: they are the coldest, and what is on top stays for the next calls. */
    frames_give_many(cache->frames, order, stack, count);
    memmove(stack, stack + count, left * sizeof(stack[0]));
    cache_set_count(cache, order, left);
}

void frame_cache_init(struct frame_cache *cache, struct frames *frames)
{
    memset(cache, 0, sizeof(*cache));
    cache->frames = frames;
    cache->search = frames->halves;
    spinlock_acquire(&frames->lock);
    cache->next = frames->caches;
    frames->caches = cache;
    spinlock_release(&frames->lock);
}

uint64_t frame_caches_total(const struct frames *frames)
{
    uint64_t total = 0;
    for (const struct frame_cache *cache = frames->caches; cache != NULL; cache = cache->next)
        for (unsigned order = 0; order < FRAME_ORDERS; order++)
            total += (uint64_t)cache_count(cache, order) << order;
    return total;
}

uint32_t frame_cache_runs(const struct frame_cache *cache, unsigned order, const uint64_t **runs)
{
    *runs = cache->runs + stacks[order].first;
    return cache_count(cache, order);
}

void frame_cache_flush(struct frame_cache *cache)
{
    for (unsigned order = 0; order < FRAME_ORDERS; order++)
        cache_flush_order(cache, order, cache_count(cache, order));
}

/* When the shared state has none, what this cache keeps in other orders may still make one. */
NOINLINE struct paddr frame_alloc_below(struct frame_cache *cache, unsigned order, uint64_t limit)
{
    struct paddr address = frames_take_in(cache->frames, cache->search, order, limit);
    if (address.value != 0)
        return address;
    frame_cache_flush(cache);
    return frames_take_in(cache->frames, cache->search, order, limit);
}

/* ---- The slow ways; out of line, so that the fast ones save no register for them ---- */

static NOINLINE struct paddr alloc_slow(struct frame_cache *cache, unsigned order)
{
    if (order >= FRAME_ORDERS)
        return frame_alloc_below(cache, order, FRAMES_NO_LIMIT);
    uint64_t *stack = cache->runs + stacks[order].first;
    uint32_t count = frames_take_many(cache->frames, cache->search, order, stack, stacks[order].refill);
    if (count == 0)
        return frame_alloc_below(cache, order, FRAMES_NO_LIMIT);
    cache_set_count(cache, order, count - 1);
    return PADDR(stack[count - 1]);
}

/* For a full stack, for what no stack holds, and for what must not be: that ends here. */
static NOINLINE void free_slow(struct frame_cache *cache, struct paddr address, unsigned order)
{
    frame_check_run(address, order);
    if (order >= FRAME_ORDERS) {
        frames_give(cache->frames, address, order);
        return;
    }
    uint64_t *stack = cache->runs + stacks[order].first;
    uint32_t count = cache_count(cache, order);
    CHECK(count == 0 || stack[count - 1] != address.value); /* a double free */
    if (count == stacks[order].capacity)
        cache_flush_order(cache, order, stacks[order].flush);
    count = cache_count(cache, order);
    stack[count] = address.value;
    cache_set_count(cache, order, count + 1);
}

/* ---- The fast ways ---- */

struct paddr frame_alloc_single(struct frame_cache *cache)
{
    uint32_t count = cache_count(cache, 0);
    if (count == 0)
        return alloc_slow(cache, 0);
    cache_set_count(cache, 0, count - 1);
    return PADDR(cache->runs[count]);
}

struct paddr frame_alloc_run(struct frame_cache *cache, unsigned order)
{
    uint32_t count = order < FRAME_ORDERS ? cache_count(cache, order) : 0;
    if (count == 0)
        return alloc_slow(cache, order);
    cache_set_count(cache, order, count - 1);
    return PADDR(cache->runs[stacks[order].first + count - 1]);
}

void frame_free_single(struct frame_cache *cache, struct paddr address)
{
    uint32_t count = cache_count(cache, 0);
    /* A frame that was freed just now is on top; runs[0] is none, so there is always a top to compare with. */
    if (count == FRAME_CACHE_SINGLES || address.value < LOW_MEMORY_END || cache->runs[count] == address.value) {
        free_slow(cache, address, 0);
        return;
    }
    cache->runs[count + 1] = address.value;
    cache_set_count(cache, 0, count + 1);
}

void frame_free_run(struct frame_cache *cache, struct paddr address, unsigned order)
{
    if (order < FRAME_ORDERS) {
        uint32_t count = cache_count(cache, order);
        if (count < stacks[order].capacity && (address.value & stacks[order].unaligned) == 0 &&
            address.value >= LOW_MEMORY_END) {
            cache->runs[stacks[order].first + count] = address.value;
            cache_set_count(cache, order, count + 1);
            return;
        }
    }
    free_slow(cache, address, order);
}
