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

#define BLOCK_NONE     UINT32_MAX
#define SECTION_FRAMES ((uint64_t)SECTION_BLOCKS * BLOCK_FRAMES)

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

/* The bits at which an aligned run of 2^order bits may start, up to order 6. */
extern const uint64_t frame_index_starts[7];

/* By order, of a run as far as one word holds it. */
struct frame_index_run {
    uint64_t mask[FRAME_ORDERS];  /* that begins at bit 0 */
    uint64_t first[FRAME_ORDERS]; /* a bit's number AND this: the first bit of the aligned run in which it lies */
};
extern const struct frame_index_run frame_index_run;

/* The starts of all aligned runs of 2^order (order <= 6) set bits: of frames in a row, or of blocks in a section. */
static inline uint64_t frame_index_runs(uint64_t word, unsigned order)
{
    for (unsigned i = 0; i < order; i++)
        word &= word >> (1u << i);
    return word & frame_index_starts[order];
}

/* The first block of the span that has a bit of `order`; BLOCK_NONE if there is none. */
uint32_t frame_index_first(const struct frames *frames, unsigned order, const struct frame_span *span);

/*
 * A run of whole blocks, order 10 and above: the first one that lies in the span, or 0 if there is none or it ends
 * above the address `limit`. Section by section: slow, rare.
 */
uint64_t frame_index_take_runs(struct frames *frames, unsigned order, const struct frame_span *span, uint64_t limit);

/* The section's word of the order went from 0 to not 0, or back. */
void frame_index_toggle(struct frames *frames, unsigned order, uint32_t slot);

static inline void frame_index_set(struct frames *frames, unsigned order, uint32_t slot, uint64_t mask)
{
    uint64_t *word = &frames->bits[slot].order[order];
    uint64_t before = *word;
    *word = before | mask;
    if (before == 0)
        frame_index_toggle(frames, order, slot);
}

static inline void frame_index_clear(struct frames *frames, unsigned order, uint32_t slot, uint64_t mask)
{
    uint64_t *word = &frames->bits[slot].order[order];
    *word &= ~mask;
    if (*word == 0)
        frame_index_toggle(frames, order, slot);
}

#endif
