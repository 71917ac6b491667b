/*
 * The parts of the frame index that are needed rarely: the levels above a section, which change when its word becomes 0
 * or stops being it, and runs of whole blocks, for which the index knows all there is to know.
 *
 * For one order, with 70,000 sections above 4 GiB; a bit is set where the word below it is not 0:
 *
 *     level 2   2 words        one bit for each word of level 1       ......1...
 *                                                                           |
 *     level 1   18 words       one bit for each word of level 0       .......1..
 *                                                                            |
 *     level 0   1,094 words    one bit for each section               ...1......
 *                                                                        |
 *     bits      70,000 words   one bit for each block of a section    ..1..1....      the first block: four bit scans
 *
 * Rules: the frames' lock is held; a word is written first and the levels above it follow, before the lock is dropped.
 */
#include "mm/frame_index.h"

#include "kernel/base/string.h"

#define ALL           (~(uint64_t)0)
#define SECTION_ORDER 15u /* a full section is a run of this order */

/* An aligned run of 2^n starts at every 2^n-th bit: n = 1 is ...01010101, n = 2 is ...00010001. */
const uint64_t frame_index_starts[7] = {
    0xFFFFFFFFFFFFFFFF, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
    0x0001000100010001, 0x0000000100000001, 0x0000000000000001,
};

const struct frame_index_run frame_index_run = {
    .mask = {0x1, 0x3, 0xF, 0xFF, 0xFFFF, 0xFFFFFFFF, ALL, ALL, ALL, ALL},
    .first = {63, 62, 60, 56, 48, 32, 0, 0, 0, 0},
};

static uint32_t words_for(uint32_t bit_count)
{
    return (bit_count + 63) / 64;
}

/* Low sections have room in the levels too, which they do not use: a few bits. */
uint64_t frame_index_bytes(uint32_t section_count)
{
    uint64_t words = words_for(section_count) + words_for(words_for(section_count)) + FRAME_ROOT_WORDS;
    return section_count * (sizeof(struct frame_bits) + sizeof(uint64_t)) + FRAME_ORDERS * words * sizeof(uint64_t);
}

void frame_index_init(struct frames *frames, void *memory)
{
    uint32_t count = frames->section_count;
    frames->bits = memory;
    frames->split = (uint64_t *)(frames->bits + count);
    for (uint32_t slot = 0; slot < count; slot++) {
        frames->bits[slot].order[FRAME_ORDER_BLOCK] = 0; /* the other orders when a block is split */
        frames->split[slot] = 0;
    }
    uint64_t *words = frames->split + count;
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        uint64_t **level = frames->level[order];
        level[0] = words;
        level[1] = level[0] + words_for(count);
        level[2] = level[1] + words_for(words_for(count));
        words = level[2] + FRAME_ROOT_WORDS;
    }
    memset(frames->level[0][0], 0, (size_t)(words - frames->level[0][0]) * sizeof(uint64_t));
}

/* The first of the section's blocks, if the section is not behind the span, which ends at `end`. */
static inline uint32_t block_in(const struct frames *frames, unsigned order, uint32_t slot, uint32_t end)
{
    return slot < end ? slot * SECTION_BLOCKS + bits_first(frames->bits[slot].order[order]) : BLOCK_NONE;
}

/*
 * The same as frame_index_first, for a span above 4 GiB before which there is memory, another node's: 8 GiB a step. Out
 * of line and called last, so that where there are no nodes no register is saved for it.
 */
static NOINLINE uint32_t first_behind(const struct frames *frames, unsigned order, const struct frame_span *span)
{
    uint32_t at = span->first - frames->low_count;
    for (; at < span->end - frames->low_count; at = at / 64 * 64 + 64) {
        uint64_t word = frames->level[order][0][at / 64] >> at % 64;
        if (word != 0)
            return block_in(frames, order, frames->low_count + at + bits_first(word), span->end);
    }
    return BLOCK_NONE;
}

uint32_t frame_index_first(const struct frames *frames, unsigned order, const struct frame_span *span)
{
    uint32_t slot;
    if (span->first >= frames->low_count) {
        uint64_t *const *level = frames->level[order];
        uint32_t at = level[2][0] == 0; /* the root has two words */
        if (level[2][at] == 0)
            return BLOCK_NONE;
        for (unsigned i = FRAME_LEVELS; i-- > 0;)
            at = at * 64 + bits_first(level[i][at]);
        slot = frames->low_count + at;
        if (slot < span->first)
            return first_behind(frames, order, span);
    } else {
        uint64_t word = frames->low[order] >> span->first;
        if (word == 0)
            return BLOCK_NONE;
        slot = span->first + bits_first(word);
    }
    return block_in(frames, order, slot, span->end);
}

void frame_index_toggle(struct frames *frames, unsigned order, uint32_t slot)
{
    if (slot < frames->low_count) {
        frames->low[order] ^= BIT(slot);
        return;
    }
    uint32_t at = slot - frames->low_count;
    for (unsigned level = 0; level < FRAME_LEVELS; level++, at /= 64) {
        uint64_t *word = &frames->level[order][level][at / 64];
        uint64_t before = *word;
        *word ^= BIT(at % 64);
        if ((before & *word) != 0)
            return; /* other bits are set: what is above does not change */
    }
}

/* Whether `count` sections from the slot on are one aligned run, free as a whole. Slots rise with their addresses. */
static bool sections_whole(const struct frames *frames, uint32_t slot, uint32_t count)
{
    /* Slots are dense, sections need not be: two neighbouring slots may lie terabytes apart. */
    const uint32_t *section = &frames->sections->section_of[slot];
    if (*section % count != 0 || section[count - 1] != *section + count - 1)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (frames->bits[slot + i].order[FRAME_ORDER_BLOCK] != ~(uint64_t)0)
            return false;
    return true;
}

uint64_t frame_index_take_runs(struct frames *frames, unsigned order, const struct frame_span *span, uint64_t limit)
{
    /* A 1 GiB run (order 18) is eight whole sections; up to order 15 the run lies inside one. */
    unsigned in_section = (order < SECTION_ORDER ? order : SECTION_ORDER) - FRAME_ORDER_BLOCK;
    uint32_t count = order < SECTION_ORDER ? 1 : 1u << (order - SECTION_ORDER);
    for (uint32_t slot = span->first; slot + count <= span->end; slot++) {
        uint64_t starts = frame_index_runs(frames->bits[slot].order[FRAME_ORDER_BLOCK], in_section);
        if (starts == 0 || (count > 1 && !sections_whole(frames, slot, count)))
            continue;
        unsigned first = bits_first(starts);
        uint64_t address = section_base(frames->sections, slot).value + first * BLOCK_BYTES;
        /* The lowest run there is: every later one ends above the limit too. */
        if (address + (PAGE_SIZE << order) > limit)
            return 0;
        for (uint32_t i = 0; i < count; i++)
            frame_index_clear(frames, FRAME_ORDER_BLOCK, slot + i, frame_index_run.mask[in_section] << first);
        return address;
    }
    return 0;
}
