/*
 * The parts of the frame index that are needed rarely: the levels above a section, which change when its word becomes 0
 * or stops being it, and runs of whole blocks, for which the index knows all there is to know.
 */
#include "mm/frame_index.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"

#define SECTION_ORDER 15u /* a full section is a run of this order */

const uint64_t frame_index_starts[7] = {
    0xFFFFFFFFFFFFFFFF, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
    0x0001000100010001, 0x0000000100000001, 0x0000000000000001,
};

const uint64_t frame_index_masks[7] = {
    0x1, 0x3, 0xF, 0xFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF,
};

static uint32_t words_for(uint32_t bit_count)
{
    return (bit_count + 63) / 64;
}

/* Of one order. Low sections have room here too, which they do not use: a few bits. */
static uint32_t level_words(uint32_t section_count)
{
    return words_for(section_count) + words_for(words_for(section_count));
}

uint64_t frame_index_bytes(uint32_t section_count)
{
    uint64_t words = (uint64_t)FRAME_ORDERS * level_words(section_count);
    return section_count * sizeof(struct frame_bits) + words * sizeof(uint64_t);
}

void frame_index_init(struct frames *frames, void *memory)
{
    uint32_t count = frames->section_count;
    memset(memory, 0, frame_index_bytes(count));
    frames->bits = memory;
    uint64_t *words = (uint64_t *)(frames->bits + count);
    for (unsigned order = 0; order < FRAME_ORDERS; order++, words += level_words(count)) {
        frames->middle[order] = words;
        frames->top[order] = words + words_for(count);
    }
}

void frame_index_note(struct frames *frames, unsigned order, uint32_t slot)
{
    if (slot < frames->low_count) {
        frames->low[order] |= BIT(slot);
        return;
    }
    uint32_t high = slot - frames->low_count;
    frames->middle[order][high / 64] |= BIT(high % 64);
    frames->top[order][high / 64 / 64] |= BIT(high / 64 % 64);
    frames->root[order][high / 64 / 64 / 64] |= BIT(high / 64 / 64 % 64);
}

void frame_index_forget(struct frames *frames, unsigned order, uint32_t slot)
{
    if (slot < frames->low_count) {
        frames->low[order] &= ~BIT(slot);
        return;
    }
    uint32_t high = slot - frames->low_count;
    if ((frames->middle[order][high / 64] &= ~BIT(high % 64)) != 0)
        return;
    if ((frames->top[order][high / 64 / 64] &= ~BIT(high / 64 % 64)) != 0)
        return;
    frames->root[order][high / 64 / 64 / 64] &= ~BIT(high / 64 / 64 % 64);
}

/* ---- Runs of whole blocks ---- */

/* How many sections a run of the order (9 or more) touches, and which blocks of the first one, from block 0. */
static uint32_t run_sections(unsigned order)
{
    return order > SECTION_ORDER ? 1u << (order - SECTION_ORDER) : 1;
}

static uint64_t run_mask(unsigned order)
{
    return bits_mask(0, order > SECTION_ORDER ? 64 : 1u << (order - FRAME_ORDER_BLOCK));
}

/* Whether the section starts an aligned run of `count` sections, without a hole and free as a whole. */
static bool sections_whole(const struct frames *frames, uint32_t slot, uint32_t count)
{
    uint64_t base = section_base(frames->sections, slot).value;
    if (frames->section_count - slot < count || (base >> SECTION_SHIFT) % count != 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (frames->bits[slot + i].order[FRAME_ORDER_BLOCK] != ~(uint64_t)0 ||
            section_base(frames->sections, slot + i).value != base + i * SECTION_BYTES)
            return false;
    return true;
}

uint64_t frame_index_take_blocks(struct frames *frames, unsigned order, bool high, uint64_t limit)
{
    uint32_t end = high ? frames->section_count : frames->low_count;
    uint32_t count = run_sections(order);
    uint64_t mask = run_mask(order);
    for (uint32_t slot = high ? frames->low_count : 0; slot < end; slot++) {
        uint64_t starts = frames->bits[slot].order[FRAME_ORDER_BLOCK];
        if (count == 1)
            starts = frame_index_runs(starts, order - FRAME_ORDER_BLOCK);
        else
            starts = sections_whole(frames, slot, count);
        if (starts == 0)
            continue;
        unsigned first = bits_first(starts);
        uint64_t address = section_base(frames->sections, slot).value + first * BLOCK_BYTES;
        if (address >= limit || limit - address < PAGE_SIZE << order)
            return 0;
        for (uint32_t i = 0; i < count; i++)
            frame_index_clear(frames, FRAME_ORDER_BLOCK, slot + i, mask << first);
        return address;
    }
    return 0;
}

void frame_index_give_blocks(struct frames *frames, struct paddr address, unsigned order)
{
    uint32_t block = section_block(frames->sections, address);
    uint32_t slot = block / SECTION_BLOCKS;
    uint32_t count = run_sections(order);
    uint64_t mask = run_mask(order);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(section_slot(frames->sections, paddr_add(address, i * SECTION_BYTES)) == slot + i);
        struct frame_bits *bits = &frames->bits[slot + i];
        CHECK(((bits->order[FRAME_ORDER_BLOCK] | bits->split) & (mask << block % SECTION_BLOCKS)) == 0);
        frame_index_set(frames, FRAME_ORDER_BLOCK, slot + i, mask << block % SECTION_BLOCKS);
    }
}
