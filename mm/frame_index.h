/*
 * The index over blocks: for each order, which sections have a bit of it, in levels of 64 to 1.
 *
 * Owns: order[] of every struct frame_bits, and low, root, top and middle of struct frames (equation 5 of frames.h).
 * Rules: the frames' lock is held. Only frames.c includes this.
 */
#ifndef KEEL_MM_FRAME_INDEX_H
#define KEEL_MM_FRAME_INDEX_H

#include "kernel/base/bits.h"
#include "mm/frames.h"

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

/*
 * Runs of whole blocks, orders above 9: the first one in high or low memory, or 0 if there is none or it ends above the
 * address `limit`; and back again, order 9 too (CHECKs that no block of it is free). Section by section: slow, rare.
 */
uint64_t frame_index_take_blocks(struct frames *frames, unsigned order, bool high, uint64_t limit);
void frame_index_give_blocks(struct frames *frames, struct paddr address, unsigned order);

/* The section's word of the order went from 0 to not 0, or back. */
void frame_index_note(struct frames *frames, unsigned order, uint32_t slot);
void frame_index_forget(struct frames *frames, unsigned order, uint32_t slot);

static inline void frame_index_set(struct frames *frames, unsigned order, uint32_t slot, uint64_t mask)
{
    uint64_t *word = &frames->bits[slot].order[order];
    uint64_t before = *word;
    *word = before | mask;
    if (before == 0)
        frame_index_note(frames, order, slot);
}

static inline void frame_index_clear(struct frames *frames, unsigned order, uint32_t slot, uint64_t mask)
{
    uint64_t *word = &frames->bits[slot].order[order];
    *word &= ~mask;
    if (*word == 0)
        frame_index_forget(frames, order, slot);
}

/* The first section, above 4 GiB or below it, that has a bit of `order`; SECTION_NONE if there is none. */
static inline uint32_t frame_index_first(const struct frames *frames, unsigned order, bool high)
{
    if (!high)
        return frames->low[order] != 0 ? bits_first(frames->low[order]) : SECTION_NONE;
    for (uint32_t half = 0; half < FRAME_ROOT_WORDS; half++) {
        if (frames->root[order][half] == 0)
            continue;
        uint32_t top = half * 64 + bits_first(frames->root[order][half]);
        uint32_t middle = top * 64 + bits_first(frames->top[order][top]);
        return frames->low_count + middle * 64 + bits_first(frames->middle[order][middle]);
    }
    return SECTION_NONE;
}

#endif
