/*
 * The index over blocks: for each order, which sections have a bit of it, in levels of 64 to 1.
 *
 * Owns: order[] of every struct frame_bits, and low and level of struct frames (equation 5 of frames.h).
 * Rules: the frames' lock is held. Only frames.c and frames_audit.c include this.
 */
#ifndef KEEL_MM_FRAME_INDEX_H
#define KEEL_MM_FRAME_INDEX_H

#include "kernel/base/bits.h"
#include "mm/frames.h"

#define BLOCK_NONE UINT32_MAX

static inline uint64_t *frame_block_rows(const struct frames *frames, uint32_t block)
{
    return frames->rows + (uint64_t)block * FRAME_ROWS;
}

/* The block's bit in the words of its section. */
static inline uint64_t frame_block_bit(uint32_t block)
{
    return BIT(block % SECTION_BLOCKS);
}

/* Memory for the bits and all levels, and the start: every bit is 0. frames->section_count and low_count are set. */
uint64_t frame_index_bytes(uint32_t section_count);
void frame_index_init(struct frames *frames, void *memory);

/* For each order up to 6: the bits at which an aligned run of 2^order bits may start, and the run at bit 0. */
extern const uint64_t frame_index_starts[7];
extern const uint64_t frame_index_masks[7];

/* The starts of all aligned runs of 2^order (order <= 6) set bits: of frames in a row, or of blocks in a section. */
static inline uint64_t frame_index_runs(uint64_t word, unsigned order)
{
    for (unsigned i = 0; i < order; i++)
        word &= word >> (1u << i);
    return word & frame_index_starts[order];
}

/* The first block, above 4 GiB or below it, that has a bit of `order`; BLOCK_NONE if there is none. */
static inline uint32_t frame_index_first(const struct frames *frames, unsigned order, bool high)
{
    uint32_t slot;
    if (high) {
        uint64_t *const *level = frames->level[order];
        uint32_t at = level[2][0] == 0; /* the root has two words */
        if (level[2][at] == 0)
            return BLOCK_NONE;
        for (unsigned i = FRAME_LEVELS; i-- > 0;)
            at = at * 64 + bits_first(level[i][at]);
        slot = frames->low_count + at;
    } else {
        if (frames->low[order] == 0)
            return BLOCK_NONE;
        slot = bits_first(frames->low[order]);
    }
    return slot * SECTION_BLOCKS + bits_first(frames->bits[slot].order[order]);
}

/*
 * A run of whole blocks, order 9 and above: the first one in high or low memory, or 0 if there is none or it ends above
 * the address `limit`. Section by section: slow, rare.
 */
uint64_t frame_index_take_blocks(struct frames *frames, unsigned order, bool high, uint64_t limit);

/* The section's word of the order went from 0 to not 0 (`any`), or back. */
void frame_index_mark(struct frames *frames, unsigned order, uint32_t slot, bool any);

static inline void frame_index_set(struct frames *frames, unsigned order, uint32_t slot, uint64_t mask)
{
    uint64_t *word = &frames->bits[slot].order[order];
    uint64_t before = *word;
    *word = before | mask;
    if (before == 0)
        frame_index_mark(frames, order, slot, true);
}

static inline void frame_index_clear(struct frames *frames, unsigned order, uint32_t slot, uint64_t mask)
{
    uint64_t *word = &frames->bits[slot].order[order];
    *word &= ~mask;
    if (*word == 0)
        frame_index_mark(frames, order, slot, false);
}

#endif
