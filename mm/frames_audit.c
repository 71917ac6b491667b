/*
 * Looking at the frame allocator: totals, the state of frames, and the audit that walks the equations of frames.h.
 *
 * Rules: changes nothing. Holds the lock while it looks, so the audit of a large machine is for quiet moments.
 */
#include "kernel/base/bits.h"
#include "kernel/base/check.h"
#include "mm/frames.h"

static uint64_t cached_frames(const struct frames *frames)
{
    uint64_t total = 0;
    for (const struct frame_cache *cache = frames->caches; cache != NULL; cache = cache->next)
        total += frame_cache_frames(cache);
    return total;
}

uint64_t frames_free_count(struct frames *frames)
{
    spinlock_acquire(&frames->lock);
    uint64_t count = frames->free + cached_frames(frames);
    spinlock_release(&frames->lock);
    return count;
}

uint64_t frames_used_count(struct frames *frames)
{
    spinlock_acquire(&frames->lock);
    uint64_t count = frames->handed_out - cached_frames(frames);
    spinlock_release(&frames->lock);
    return count;
}

static uint64_t section_free(const struct frames *frames, uint32_t slot)
{
    uint64_t count = (uint64_t)bits_count(frames->bits[slot].order[FRAME_ORDER_BLOCK]) * BLOCK_FRAMES;
    for (uint64_t left = frames->bits[slot].split; left != 0; left &= left - 1)
        count += frames->blocks[slot * SECTION_BLOCKS + bits_first(left)].free;
    return count;
}

void frames_get_stats(struct frames *frames, struct frames_stats *stats)
{
    spinlock_acquire(&frames->lock);
    *stats = (struct frames_stats){.cached = cached_frames(frames)};
    stats->free = frames->free + stats->cached;
    stats->used = frames->handed_out - stats->cached;
    for (uint32_t slot = 0; slot < frames->section_count; slot++) {
        stats->whole_blocks += bits_count(frames->bits[slot].order[FRAME_ORDER_BLOCK]);
        stats->split_blocks += bits_count(frames->bits[slot].split);
        stats->free_below_4g += slot < frames->low_count ? section_free(frames, slot) : 0;
    }
    spinlock_release(&frames->lock);
}

/* Free frames of one block from `start` up to `end`. */
static uint64_t block_free_in(const struct frames *frames, uint64_t start, uint64_t end)
{
    if (section_slot(frames->sections, PADDR(start)) == SECTION_NONE)
        return 0;
    uint32_t block = section_block(frames->sections, PADDR(start));
    const struct frame_bits *bits = &frames->bits[block / SECTION_BLOCKS];
    uint64_t bit = BIT(block % SECTION_BLOCKS);
    if ((bits->order[FRAME_ORDER_BLOCK] & bit) != 0)
        return (end - start) >> PAGE_SHIFT;
    if ((bits->split & bit) == 0)
        return 0;
    uint64_t count = 0;
    for (uint64_t at = start; at < end;) {
        uint64_t row_end = min_u64(end, (at | (64 * PAGE_SIZE - 1)) + 1);
        uint64_t mask = bits_mask((at >> PAGE_SHIFT) % 64, (unsigned)((row_end - at) >> PAGE_SHIFT));
        count += bits_count(frames->rows[(uint64_t)block * FRAME_ROWS + (at >> PAGE_SHIFT) / 64 % FRAME_ROWS] & mask);
        at = row_end;
    }
    return count;
}

uint64_t frames_free_in(struct frames *frames, struct prange range)
{
    uint64_t count = 0;
    CHECK(((range.start.value | range.end.value) & PAGE_MASK) == 0);
    spinlock_acquire(&frames->lock);
    for (uint64_t at = range.start.value; at < range.end.value;) {
        uint64_t end = min_u64(range.end.value, align_down(at, BLOCK_BYTES) + BLOCK_BYTES);
        count += block_free_in(frames, at, end);
        at = end;
    }
    spinlock_release(&frames->lock);
    return count;
}

bool frames_is_free(struct frames *frames, struct paddr address)
{
    uint64_t frame = align_down(address.value, PAGE_SIZE);
    return frames_free_in(frames, PRANGE(frame, frame + PAGE_SIZE)) != 0;
}

/* Whether a free aligned run of 2^order frames (order < 9) is in the rows. Slow and simple: not frames.c's way. */
static bool rows_have_run(const uint64_t *rows, unsigned order)
{
    unsigned length = 0;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        length = i % (1u << order) == 0 ? 0 : length;
        length += (rows[i / 64] & BIT(i % 64)) != 0;
        if (length == 1u << order)
            return true;
    }
    return false;
}

/* Equations 2 and 4, for a split block. */
static bool block_sound(const struct frames *frames, uint32_t block)
{
    const uint64_t *rows = frames->rows + (uint64_t)block * FRAME_ROWS;
    const struct frame_block *state = &frames->blocks[block];
    unsigned free = 0;
    for (unsigned row = 0; row < FRAME_ROWS; row++)
        free += bits_count(rows[row]);
    if (free != state->free || free == BLOCK_FRAMES)
        return false;
    if (state->limit > FRAME_ORDER_BLOCK || (state->limit == 0) != (free == 0))
        return false;
    return state->limit == FRAME_ORDER_BLOCK || !rows_have_run(rows, state->limit);
}

/* Equations 1 and 3, and those of its blocks; adds its free frames to *free. */
static bool section_sound(const struct frames *frames, uint32_t slot, uint64_t *free)
{
    const struct frame_bits *bits = &frames->bits[slot];
    uint64_t expected[FRAME_ORDER_BLOCK] = {0};
    if ((bits->order[FRAME_ORDER_BLOCK] & bits->split) != 0)
        return false;
    for (uint64_t left = bits->split; left != 0; left &= left - 1) {
        uint32_t block = slot * SECTION_BLOCKS + bits_first(left);
        if (!block_sound(frames, block))
            return false;
        for (unsigned order = 0; order < frames->blocks[block].limit; order++)
            expected[order] |= left & -left;
    }
    for (unsigned order = 0; order < FRAME_ORDER_BLOCK; order++)
        if (bits->order[order] != expected[order])
            return false;
    *free += section_free(frames, slot);
    return true;
}

/* Equation 5 for one level: bit i of `summary` says whether words[i * stride] is not 0, and no bit is beyond them. */
static bool level_sound(const uint64_t *summary, uint32_t summary_words, const uint64_t *words, uint32_t word_count,
                        size_t stride)
{
    for (uint32_t i = 0; i < summary_words * 64; i++) {
        bool expected = i < word_count && words[i * stride] != 0;
        if ((summary[i / 64] >> i % 64 & 1) != expected)
            return false;
    }
    return true;
}

static bool index_sound(const struct frames *frames, unsigned order)
{
    size_t stride = sizeof(struct frame_bits) / sizeof(uint64_t);
    const uint64_t *words = &frames->bits[0].order[order];
    uint32_t low = frames->low_count;
    uint32_t high = frames->section_count - low;
    uint32_t middle = (high + 63) / 64;
    uint32_t top = (middle + 63) / 64;
    return level_sound(&frames->low[order], 1, words, low, stride) &&
           level_sound(frames->middle[order], middle, words + low * stride, high, stride) &&
           level_sound(frames->top[order], top, frames->middle[order], middle, 1) &&
           level_sound(frames->root[order], FRAME_ROOT_WORDS, frames->top[order], top, 1);
}

static bool all_sound(const struct frames *frames)
{
    uint64_t free = 0;
    for (uint32_t slot = 0; slot < frames->section_count; slot++)
        if (!section_sound(frames, slot, &free))
            return false;
    for (unsigned order = 0; order < FRAME_ORDERS; order++)
        if (!index_sound(frames, order))
            return false;
    return free == frames->free && frames->added == frames->free + frames->handed_out &&
           cached_frames(frames) <= frames->handed_out;
}

enum status frames_audit(struct frames *frames)
{
    spinlock_acquire(&frames->lock);
    bool sound = all_sound(frames);
    spinlock_release(&frames->lock);
    return sound ? STATUS_OK : STATUS_INVALID;
}
