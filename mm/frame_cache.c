/*
 * A CPU's stock of frames, in front of the shared state of frames.c.
 *
 * Owns: the stacks of a struct frame_cache, 128 frames of order 0 and 16 runs of each of orders 1 to 3. The last freed
 * is the next to go, while it is warm. An empty stack is filled to half at least, a full one gives its older half back,
 * so a CPU takes the lock once for 64 frames, however it mixes its calls.
 * Rules: one CPU at a time, no interrupt handler; only the counts are read by others. The two fast paths are leaves
 * that end in a jump to the slow ones: they save no register.
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

static uint64_t *cache_stack(struct frame_cache *cache, unsigned order)
{
    return order == 0 ? cache->singles : cache->runs[order - 1];
}

static uint32_t cache_capacity(unsigned order)
{
    return order == 0 ? FRAME_CACHE_SINGLES : FRAME_CACHE_RUNS;
}

/* Gives back the `count` oldest. */
static void cache_flush_order(struct frame_cache *cache, unsigned order, uint32_t count)
{
    uint64_t *stack = cache_stack(cache, order);
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
    spinlock_acquire(&frames->lock);
    cache->next = frames->caches;
    frames->caches = cache;
    spinlock_release(&frames->lock);
}

uint64_t frame_caches_total(const struct frames *frames)
{
    uint64_t total = 0;
    for (const struct frame_cache *cache = frames->caches; cache != NULL; cache = cache->next)
        for (unsigned order = 0; order < FRAME_CACHE_ORDERS; order++)
            total += (uint64_t)cache_count(cache, order) << order;
    return total;
}

void frame_cache_flush(struct frame_cache *cache)
{
    for (unsigned order = 0; order < FRAME_CACHE_ORDERS; order++)
        cache_flush_order(cache, order, cache_count(cache, order));
}

/* When the shared state has none, what this cache keeps in other orders may still make one. */
struct paddr frame_alloc_below(struct frame_cache *cache, unsigned order, uint64_t limit)
{
    struct paddr address = frames_take(cache->frames, order, limit);
    if (address.value != 0)
        return address;
    frame_cache_flush(cache);
    return frames_take(cache->frames, order, limit);
}

/*
 * Out of line, so that frame_alloc keeps its registers free: the compiler would save them for this path on every call.
 */
static NOINLINE struct paddr alloc_cached(struct frame_cache *cache, unsigned order)
{
    uint64_t *stack = cache_stack(cache, order);
    uint32_t count = cache_count(cache, order);
    if (count == 0)
        count = frames_take_many(cache->frames, order, stack, cache_capacity(order) / 2);
    if (count == 0)
        return frame_alloc_below(cache, order, FRAMES_NO_LIMIT);
    cache_set_count(cache, order, count - 1);
    return PADDR(stack[count - 1]);
}

static NOINLINE struct paddr alloc_shared(struct frame_cache *cache, unsigned order)
{
    struct paddr block = order == FRAME_ORDER_BLOCK ? frames_take_block(cache->frames) : PADDR(0);
    return block.value != 0 ? block : frame_alloc_below(cache, order, FRAMES_NO_LIMIT);
}

struct paddr frame_alloc(struct frame_cache *cache, unsigned order)
{
    uint32_t count = cache_count(cache, 0);
    if (order != 0 || count == 0)
        return order < FRAME_CACHE_ORDERS ? alloc_cached(cache, order) : alloc_shared(cache, order);
    cache_set_count(cache, 0, count - 1);
    return PADDR(cache->singles[count - 1]);
}

static NOINLINE void free_cached(struct frame_cache *cache, struct paddr address, unsigned order)
{
    frame_check_run(address, order);
    if (cache_count(cache, order) == cache_capacity(order))
        cache_flush_order(cache, order, cache_capacity(order) / 2);
    uint32_t count = cache_count(cache, order);
    cache_stack(cache, order)[count] = address.value;
    cache_set_count(cache, order, count + 1);
}

void frame_free(struct frame_cache *cache, struct paddr address, unsigned order)
{
    uint32_t count = cache_count(cache, 0);
    /* No check of the address here: a bad or double free is caught when the cache gives it back (frames.c). */
    if (order == 0 && count < FRAME_CACHE_SINGLES) {
        cache->singles[count] = address.value;
        cache_set_count(cache, 0, count + 1);
    } else if (order < FRAME_CACHE_ORDERS) {
        free_cached(cache, address, order);
    } else if (order == FRAME_ORDER_BLOCK) {
        frames_give_block(cache->frames, address);
    } else {
        frames_give(cache->frames, address, order);
    }
}
