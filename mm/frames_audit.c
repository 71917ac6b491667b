/*
 * Looking at the frame allocator: totals, the state of frames, and the audit that walks the equations of frames.h.
 *
 * The audit recomputes, by the slowest and simplest way, what frames.c keeps up to date by clever ones: counts of bits
 * bit by bit, runs frame by frame, every bit of every level from the word below. Two ways that agree are worth more
 * than one that is checked twice.
 *
 * Rules: changes nothing. Holds the lock while it looks, so the audit of a large machine is for quiet moments. What a
 * cache keeps is handed out as far as the shared state knows, and free as far as callers do.
 */
#include "mm/frame_index.h"

void frames_get_stats(struct frames *frames, struct frames_stats *stats)
{
    spinlock_acquire(&frames->lock);
    *stats = (struct frames_stats){.cached = frame_caches_total(frames)};
    stats->free = frames->free + stats->cached;
    stats->used = frames->handed_out - stats->cached;
    for (uint32_t slot = 0; slot < frames->section_count; slot++) {
        stats->whole_blocks += bits_count(frames->bits[slot].order[FRAME_ORDER_BLOCK]);
        stats->split_blocks += bits_count(frames->split[slot]);
    }
    spinlock_release(&frames->lock);
}

static uint64_t count_free(const struct frames *frames, struct prange range)
{
    uint64_t count = 0;
    CHECK(((range.start.value | range.end.value) & PAGE_MASK) == 0);
    range = prange_intersect(range, PRANGE(0, frames->sections->limit * SECTION_BYTES)); /* no frame is beyond */
    for (uint64_t at = range.start.value, next; at < range.end.value; at = next) {
        uint32_t slot = section_slot(frames->sections, PADDR(at));
        /* In steps of a row, or over a whole section where there is none: a query of 12 TiB of holes ends soon. */
        uint64_t row_bytes = slot == SECTION_NONE ? SECTION_BYTES : 64 * PAGE_SIZE;
        next = min_u64(range.end.value, align_down(at, row_bytes) + row_bytes);
        if (slot == SECTION_NONE)
            continue;
        uint32_t block = section_block(frames->sections, PADDR(at));
        uint64_t mask = bits_mask(at / PAGE_SIZE % 64, (unsigned)((next - at) >> PAGE_SHIFT));
        if ((frames->bits[slot].order[FRAME_ORDER_BLOCK] & frame_block_bit(block)) != 0)
            count += bits_count(mask);
        else if ((frames->split[slot] & frame_block_bit(block)) != 0)
            count += bits_count(frame_block_rows(frames, block)[at / row_bytes % FRAME_ROWS] & mask);
    }
    return count;
}

uint64_t frames_free_in(struct frames *frames, struct prange range)
{
    spinlock_acquire(&frames->lock);
    uint64_t count = count_free(frames, range);
    spinlock_release(&frames->lock);
    return count;
}

/* Whether a free aligned run of 2^order frames (order < 9) is in the rows. Slow and simple: not frames.c's way. */
static bool rows_have_run(const uint64_t *rows, unsigned order)
{
    for (unsigned i = 0, length = 0; i < BLOCK_FRAMES; i++) {
        /* Aligned runs only: counting starts anew at each place where one may begin. */
        length = i % (1u << order) == 0 ? 0 : length;
        length += (rows[i / 64] & BIT(i % 64)) != 0;
        if (length == 1u << order)
            return true;
    }
    return false;
}

/* A section's word of an order: no split block, no word. */
static uint64_t order_word(const struct frames *frames, unsigned order, uint32_t slot)
{
    return order == FRAME_ORDER_BLOCK || frames->split[slot] != 0 ? frames->bits[slot].order[order] : 0;
}

/* Equations 1 to 4 for a block; adds its free frames to *free. */
static bool block_sound(const struct frames *frames, uint32_t block, uint64_t *free)
{
    uint32_t slot = block / SECTION_BLOCKS;
    bool whole = (frames->bits[slot].order[FRAME_ORDER_BLOCK] & frame_block_bit(block)) != 0;
    bool split = (frames->split[slot] & frame_block_bit(block)) != 0;
    unsigned limit = split ? frames->blocks[block].limit : 0;
    for (unsigned order = 0; order < FRAME_ORDER_BLOCK; order++)
        if (((order_word(frames, order, slot) & frame_block_bit(block)) != 0) != (order < limit))
            return false;
    if (!split) {
        *free += whole ? BLOCK_FRAMES : 0;
        return true;
    }
    const uint64_t *rows = frame_block_rows(frames, block);
    unsigned count = 0;
    for (unsigned row = 0; row < FRAME_ROWS; row++)
        count += bits_count(rows[row]);
    *free += count;
    return !whole && count == frames->blocks[block].free && count < BLOCK_FRAMES && (limit == 0) == (count == 0) &&
           limit <= FRAME_ORDER_BLOCK && (limit == FRAME_ORDER_BLOCK || !rows_have_run(rows, limit));
}

/* Equation 5 for one order: a bit says whether the word below it is not 0, and no bit is beyond the last word. */
static bool index_sound(const struct frames *frames, unsigned order)
{
    uint32_t low = frames->low_count;
    /* All 64 bits, also those beyond low_count: a bit that stands for nothing would send an allocation there. */
    for (uint32_t i = 0; i < 64; i++)
        if ((frames->low[order] >> i & 1) != (i < low && order_word(frames, order, i) != 0))
            return false;

    uint32_t count = frames->section_count - low;
    for (unsigned level = 0; level < FRAME_LEVELS; level++) {
        uint32_t words = level == FRAME_LEVELS - 1 ? FRAME_ROOT_WORDS : (count + 63) / 64;
        for (uint32_t i = 0; i < words * 64; i++) {
            uint64_t below = 0;
            if (i < count)
                below = level == 0 ? order_word(frames, order, low + i) : frames->level[order][level - 1][i];
            if ((frames->level[order][level][i / 64] >> i % 64 & 1) != (below != 0))
                return false;
        }
        count = words;
    }
    return true;
}

/* Equation 7. */
static bool cache_sound(const struct frames *frames, const struct frame_cache *cache, unsigned order)
{
    const uint64_t *runs;
    uint32_t count = frame_cache_runs(cache, order, &runs);
    for (uint32_t i = 0; i < count; i++) {
        if (count_free(frames, PRANGE(runs[i], runs[i] + (PAGE_SIZE << order))) != 0)
            return false;
        for (uint32_t other = 0; other < i; other++)
            if (runs[other] == runs[i])
                return false;
    }
    return true;
}

enum status frames_audit(struct frames *frames)
{
    bool sound = true;
    uint64_t free = 0;
    spinlock_acquire(&frames->lock);
    for (uint32_t block = 0; block < frames->section_count * SECTION_BLOCKS && sound; block++)
        sound = block_sound(frames, block, &free);
    for (unsigned order = 0; order < FRAME_ORDERS && sound; order++)
        sound = index_sound(frames, order);
    for (const struct frame_cache *cache = frames->caches; cache != NULL; cache = cache->next)
        for (unsigned order = 0; order < FRAME_ORDERS && sound; order++)
            sound = cache_sound(frames, cache, order);
    sound = sound && free == frames->free && frames->added == free + frames->handed_out &&
            frame_caches_total(frames) <= frames->handed_out;
    spinlock_release(&frames->lock);
    return sound ? STATUS_OK : STATUS_INVALID;
}
