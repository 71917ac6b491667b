/*
 * The frame allocator: find-first over bits, with a cache for each CPU in front (frame_cache.c).
 *
 * Memory is blocks of 2 MiB (512 frames). A block is in one of three states: free as a whole; split; or neither, which
 * is handed out as a whole, or never ours. Only a split block has anything written about its frames: eight rows of 64
 * bits, where a set bit is a free frame, the number of set bits, and a limit: no aligned free run of 2^limit frames is
 * inside. So a machine's start writes a few words for each GiB, whatever was in the rows' memory.
 *
 *     order      0 1 2 ... 8     9          A bit of order 0 to 8 is a split block that may hold a free run of that
 *              +-----------------------+    order: its limit is higher. A bit of order 9 is a block free as a whole.
 *     root     | one bit a word of top |    In each level a bit says whether the word below is not 0, so the first
 *     top      | one bit a middle word |    block that may serve is four bit scans away. Always the lowest address:
 *     middle   | one bit a section     |    that packs memory together, and lets blocks become whole again.
 *              +-----------------------+    Sections below 4 GiB have one word, low[order], instead of three levels,
 *     bits     | one bit a block       |    and are looked at last: what only they can serve stays for who needs it.
 *              +-----------------------+
 *                | a section: 64 blocks     An allocation looks among the split blocks first and splits the first whole
 *                v                          one otherwise. If the block that may hold the run does not, its limit is
 *     blocks   [free, limit] a block        lowered and the search goes on: each free can cost one such surprise.
 *                |                          Runs of whole blocks (order 10 and up) are rare, and looked for section by
 *                v                          section.
 *     rows   0 |1111111100000000...|
 *            . |                   |        64 frames a row, alive only while the block is split.
 *            7 |0000000011111111...|
 *
 * A cache takes whole rows, and gives back many frames at a time, neighbours together. Its frames are handed out here.
 *
 * What is caught (CHECK): a free of what is free, when it reaches the rows; a bit that flipped, when its block becomes
 * whole or empty (the count and the rows must agree), or in the audit, which walks the equations of frames.h.
 */
#include "mm/frames.h"

#include "kernel/base/bits.h"
#include "kernel/base/check.h"
#include "kernel/base/string.h"
#include "mm/frame_index.h"

#define ROW_FRAMES     64u
#define ROW_ORDER      6u  /* a full row is a run of this order */
#define ROW_SHIFT      (PAGE_SHIFT + ROW_ORDER)
#define BLOCK_NONE     UINT32_MAX
#define RUN_NONE       BLOCK_FRAMES
#define LOW_END        (4 * GIB)

static inline uint32_t first_block(const struct frames *frames, unsigned order, bool high)
{
    uint32_t slot = frame_index_first(frames, order, high);
    return slot == SECTION_NONE ? BLOCK_NONE : slot * SECTION_BLOCKS + bits_first(frames->bits[slot].order[order]);
}

/* ---- One block ---- */

static inline uint64_t *rows_of(const struct frames *frames, uint32_t block)
{
    return frames->rows + (uint64_t)block * FRAME_ROWS;
}

static inline uint64_t block_bit(uint32_t block)
{
    return BIT(block % SECTION_BLOCKS);
}

/* Whether all rows of the block hold `value`: what its count says of an empty or a full block. */
static bool rows_all(const struct frames *frames, uint32_t block, uint64_t value)
{
    const uint64_t *rows = rows_of(frames, block);
    for (unsigned i = 0; i < FRAME_ROWS; i++)
        if (rows[i] != value)
            return false;
    return true;
}

static NOINLINE void limit_raise(struct frames *frames, uint32_t block, unsigned limit)
{
    for (unsigned order = frames->blocks[block].limit; order < limit; order++)
        frame_index_set(frames, order, block / SECTION_BLOCKS, block_bit(block));
    frames->blocks[block].limit = (uint16_t)limit;
}

static void limit_lower(struct frames *frames, uint32_t block, unsigned limit)
{
    for (unsigned order = limit; order < frames->blocks[block].limit; order++)
        frame_index_clear(frames, order, block / SECTION_BLOCKS, block_bit(block));
    frames->blocks[block].limit = (uint16_t)limit;
}

/* The block becomes a split one of which all frames are free, or none. */
static void block_open(struct frames *frames, uint32_t block, bool free)
{
    memset(rows_of(frames, block), free ? 0xFF : 0, FRAME_ROWS * sizeof(uint64_t));
    frames->blocks[block] = (struct frame_block){free ? BLOCK_FRAMES : 0, 0};
    frames->bits[block / SECTION_BLOCKS].split |= block_bit(block);
}

static void block_split(struct frames *frames, uint32_t block)
{
    frame_index_clear(frames, FRAME_ORDER_BLOCK, block / SECTION_BLOCKS, block_bit(block));
    block_open(frames, block, true);
    limit_raise(frames, block, FRAME_ORDER_BLOCK);
}

static NOINLINE void block_merge(struct frames *frames, uint32_t block)
{
    CHECK(rows_all(frames, block, ~(uint64_t)0));
    limit_lower(frames, block, 0);
    frames->bits[block / SECTION_BLOCKS].split &= ~block_bit(block);
    frame_index_set(frames, FRAME_ORDER_BLOCK, block / SECTION_BLOCKS, block_bit(block));
}

/* After `frame_count` bits of the block's rows were cleared. */
static void block_took(struct frames *frames, uint32_t block, unsigned frame_count)
{
    struct frame_block *state = &frames->blocks[block];
    CHECK(state->free >= frame_count);
    state->free = (uint16_t)(state->free - frame_count);
    if (state->free == 0) {
        CHECK(rows_all(frames, block, 0));
        limit_lower(frames, block, 0);
    }
}

/* ---- Runs inside a row, and inside a block ---- */

/* Whether the aligned group of 2^order frames (order >= 6) that holds `row` is all free. */
static NOINLINE bool rows_full(const uint64_t *rows, unsigned row, unsigned order)
{
    unsigned count = 1u << (order - ROW_ORDER);
    for (unsigned i = 0; i < count; i++)
        if (rows[(row & ~(count - 1)) + i] != ~(uint64_t)0)
            return false;
    return true;
}

/* The first aligned free run of 2^order frames (order < 9) as a frame number in the block, or RUN_NONE. */
static unsigned block_find_run(const uint64_t *rows, unsigned order)
{
    if (order > ROW_ORDER) {
        for (unsigned row = 0; row < FRAME_ROWS; row += 1u << (order - ROW_ORDER))
            if (rows_full(rows, row, order))
                return row * ROW_FRAMES;
        return RUN_NONE;
    }
    for (unsigned row = 0; row < FRAME_ROWS; row++) {
        uint64_t starts = rows[row] == 0 ? 0 : frame_index_runs(rows[row], order);
        if (starts != 0)
            return row * ROW_FRAMES + bits_first(starts);
    }
    return RUN_NONE;
}

static void block_take_run(struct frames *frames, uint32_t block, unsigned first, unsigned order)
{
    uint64_t *rows = rows_of(frames, block);
    if (order <= ROW_ORDER)
        rows[first / ROW_FRAMES] &= ~bits_mask(first % ROW_FRAMES, 1u << order);
    else
        memset(&rows[first / ROW_FRAMES], 0, ((size_t)1 << order) / 8);
    block_took(frames, block, 1u << order);
}

/* ---- Taking from the shared state; the lock is held ---- */

static uint64_t take_split(struct frames *frames, unsigned order, bool high, uint64_t limit)
{
    uint32_t block;
    while ((block = first_block(frames, order, high)) != BLOCK_NONE) {
        unsigned first = block_find_run(rows_of(frames, block), order);
        if (first == RUN_NONE) {
            limit_lower(frames, block, order); /* it may have held one, and does not */
            continue;
        }
        uint64_t address = section_block_base(frames->sections, block).value + first * PAGE_SIZE;
        if (address >= limit || limit - address < PAGE_SIZE << order)
            return 0;
        block_take_run(frames, block, first, order);
        return address;
    }
    return 0;
}

static uint64_t take_whole(struct frames *frames, unsigned order, bool high, uint64_t limit)
{
    uint32_t block = first_block(frames, FRAME_ORDER_BLOCK, high);
    if (block == BLOCK_NONE)
        return 0;
    uint64_t address = section_block_base(frames->sections, block).value;
    if (address >= limit || limit - address < PAGE_SIZE << order)
        return 0;
    if (order == FRAME_ORDER_BLOCK) {
        frame_index_clear(frames, FRAME_ORDER_BLOCK, block / SECTION_BLOCKS, block_bit(block));
    } else {
        block_split(frames, block);
        block_take_run(frames, block, 0, order);
    }
    return address;
}

static uint64_t take(struct frames *frames, unsigned order, uint64_t limit)
{
    uint64_t address = 0;
    for (unsigned half = limit > LOW_END ? 0 : 1; half < 2 && address == 0; half++) {
        bool high = half == 0;
        if (order > FRAME_ORDER_BLOCK)
            address = frame_index_take_blocks(frames, order, high, limit);
        else if (order < FRAME_ORDER_BLOCK)
            address = take_split(frames, order, high, limit);
        if (address == 0 && order <= FRAME_ORDER_BLOCK)
            address = take_whole(frames, order, high, limit);
    }
    if (address == 0)
        return 0;
    frames->free -= (uint64_t)1 << order;
    frames->handed_out += (uint64_t)1 << order;
    return address;
}

/* ---- Giving to the shared state; the lock is held ---- */

/* The limit rises over every order of which a free run has come about in `row`. */
static NOINLINE void limit_grow(struct frames *frames, uint32_t block, unsigned row)
{
    const uint64_t *rows = rows_of(frames, block);
    unsigned limit = frames->blocks[block].limit;
    unsigned before = limit;
    uint64_t runs = limit <= ROW_ORDER ? frame_index_runs(rows[row], limit) : 0;
    for (; runs != 0; limit++)
        runs = limit == ROW_ORDER ? 0 : runs & runs >> (1u << limit) & frame_index_starts[limit + 1];
    while (limit > ROW_ORDER && limit < FRAME_ORDER_BLOCK && rows_full(rows, row, limit))
        limit++;
    if (limit != before)
        limit_raise(frames, block, limit);
}

/*
 * The frames of `mask` become free: `frame_count` set bits, of the row (64 frames) at `address`. Everything rare is a
 * call at the end, so the common case, one frame that completes no run that its block did not have, saves no register.
 */
static NOINLINE void give_row(struct frames *frames, struct paddr address, uint64_t mask, unsigned frame_count)
{
    uint32_t slot = section_slot(frames->sections, address);
    unsigned in_section = (unsigned)(address.value >> BLOCK_SHIFT) % SECTION_BLOCKS;
    CHECK(slot != SECTION_NONE);
    CHECK((frames->bits[slot].split & BIT(in_section)) != 0);
    uint32_t block = slot * SECTION_BLOCKS + in_section;
    unsigned row = (unsigned)(address.value >> ROW_SHIFT) % FRAME_ROWS;
    uint64_t *bits = rows_of(frames, block) + row;
    CHECK((*bits & mask) == 0); /* free already: a double free */
    *bits |= mask;

    struct frame_block *state = &frames->blocks[block];
    state->free = (uint16_t)(state->free + frame_count);
    if (state->free == BLOCK_FRAMES) {
        block_merge(frames, block);
        return;
    }
    if (frame_count == 1) {
        unsigned order = state->limit < ROW_ORDER ? state->limit : ROW_ORDER;
        uint64_t run = frame_index_masks[order] << (bits_first(mask) & (~0u << order));
        if ((*bits & run) != run)
            return;
    }
    limit_grow(frames, block, row);
}

/* All frames of [start, end), inside one block, become free. */
static void give_part(struct frames *frames, struct paddr start, struct paddr end)
{
    while (start.value < end.value) {
        uint64_t row_end = min_u64(end.value, align_down(start.value, BIT(ROW_SHIFT)) + BIT(ROW_SHIFT));
        unsigned count = (unsigned)((row_end - start.value) >> PAGE_SHIFT);
        give_row(frames, start, bits_mask((start.value >> PAGE_SHIFT) % ROW_FRAMES, count), count);
        start = PADDR(row_end);
    }
}

static void give(struct frames *frames, struct paddr address, unsigned order)
{
    CHECK(frames->handed_out >= (uint64_t)1 << order);
    if (order >= FRAME_ORDER_BLOCK)
        frame_index_give_blocks(frames, address, order);
    else
        give_part(frames, address, paddr_add(address, PAGE_SIZE << order));
    frames->free += (uint64_t)1 << order;
    frames->handed_out -= (uint64_t)1 << order;
}

/* ---- For callers ---- */

struct paddr frames_take(struct frames *frames, unsigned order, uint64_t limit)
{
    CHECK(order <= FRAME_ORDER_MAX);
    spinlock_acquire(&frames->lock);
    uint64_t address = take(frames, order, limit);
    spinlock_release(&frames->lock);
    return PADDR(address);
}

void frames_give(struct frames *frames, struct paddr address, unsigned order)
{
    frame_check_run(address, order);
    frames_give_runs(frames, &address.value, 1, order);
}

struct paddr frames_take_block(struct frames *frames)
{
    spinlock_acquire(&frames->lock);
    uint64_t address = 0;
    uint32_t slot = frame_index_first(frames, FRAME_ORDER_BLOCK, true);
    if (slot == SECTION_NONE)
        slot = frame_index_first(frames, FRAME_ORDER_BLOCK, false);
    if (slot != SECTION_NONE) {
        uint64_t word = frames->bits[slot].order[FRAME_ORDER_BLOCK];
        address = section_base(frames->sections, slot).value + bits_first(word) * BLOCK_BYTES;
        frames->free -= BLOCK_FRAMES;
        frames->handed_out += BLOCK_FRAMES;
        frame_index_clear(frames, FRAME_ORDER_BLOCK, slot, word & -word);
    }
    spinlock_release(&frames->lock);
    return PADDR(address);
}

void frames_give_block(struct frames *frames, struct paddr address)
{
    CHECK(address.value % BLOCK_BYTES == 0);
    uint32_t slot = section_slot(frames->sections, address);
    uint64_t bit = BIT(address.value / BLOCK_BYTES % SECTION_BLOCKS);
    CHECK(slot != SECTION_NONE);
    spinlock_acquire(&frames->lock);
    CHECK(frames->handed_out >= BLOCK_FRAMES);
    CHECK(((frames->bits[slot].order[FRAME_ORDER_BLOCK] | frames->bits[slot].split) & bit) == 0); /* a double free */
    frames->free += BLOCK_FRAMES;
    frames->handed_out -= BLOCK_FRAMES;
    frame_index_set(frames, FRAME_ORDER_BLOCK, slot, bit);
    spinlock_release(&frames->lock);
}

/* A split block with a free frame, if there is any memory at all. */
static uint32_t block_with_frames(struct frames *frames)
{
    uint32_t block = BLOCK_NONE;
    for (unsigned half = 0; half < 2 && block == BLOCK_NONE; half++) {
        block = first_block(frames, 0, half == 0);
        if (block != BLOCK_NONE)
            return block;
        block = first_block(frames, FRAME_ORDER_BLOCK, half == 0);
    }
    if (block != BLOCK_NONE)
        block_split(frames, block);
    return block;
}

/* Stores the addresses of a row's frames so that the lowest is the last; returns how many. */
static inline uint32_t list_row(uint64_t *addresses, uint64_t base, uint64_t row)
{
    uint32_t count = 0;
    if (row == ~(uint64_t)0)
        for (; count < ROW_FRAMES; count++)
            addresses[count] = base + (ROW_FRAMES - 1 - count) * PAGE_SIZE;
    else
        for (; row != 0; row ^= BIT(bits_last(row)))
            addresses[count++] = base + bits_last(row) * PAGE_SIZE;
    return count;
}

/* The block's rows from the first on, until there are `wanted` frames. */
static uint32_t take_rows(struct frames *frames, uint32_t block, uint64_t *addresses, uint32_t wanted)
{
    uint64_t *rows = rows_of(frames, block);
    uint64_t base = section_block_base(frames->sections, block).value;
    uint32_t count = 0;
    for (unsigned row = 0; row < FRAME_ROWS && count < wanted; row++) {
        if (rows[row] == 0)
            continue;
        count += list_row(addresses + count, base + ((uint64_t)row << ROW_SHIFT), rows[row]);
        rows[row] = 0;
    }
    CHECK(count > 0); /* its limit says that the block has a free frame */
    block_took(frames, block, count);
    return count;
}

uint32_t frames_take_rows(struct frames *frames, uint64_t *addresses, uint32_t wanted)
{
    uint32_t count = 0;
    uint32_t block;
    spinlock_acquire(&frames->lock);
    while (count < wanted && (block = block_with_frames(frames)) != BLOCK_NONE)
        count += take_rows(frames, block, addresses + count, wanted - count);
    frames->free -= count;
    frames->handed_out += count;
    spinlock_release(&frames->lock);
    return count;
}

void frames_give_singles(struct frames *frames, const uint64_t *addresses, uint32_t count)
{
    spinlock_acquire(&frames->lock);
    CHECK(frames->handed_out >= count);
    const uint64_t *end = addresses + count;
    while (addresses < end) {
        const uint64_t *first = addresses;
        uint64_t row = align_down(*first, BIT(ROW_SHIFT));
        uint64_t mask = 0;
        do {
            mask |= BIT(*addresses >> PAGE_SHIFT & (ROW_FRAMES - 1));
            addresses++;
        } while (addresses < end && *addresses - row < BIT(ROW_SHIFT));
        unsigned in_row = (unsigned)(addresses - first);
        CHECK(in_row == 1 || bits_count(mask) == in_row); /* twice in the list: a double free */
        give_row(frames, PADDR(row), mask, in_row);
    }
    frames->free += count;
    frames->handed_out -= count;
    spinlock_release(&frames->lock);
}

uint32_t frames_take_runs(struct frames *frames, uint64_t *addresses, uint32_t wanted, unsigned order)
{
    uint32_t count = 0;
    spinlock_acquire(&frames->lock);
    while (count < wanted && (addresses[wanted - 1 - count] = take(frames, order, FRAMES_NO_LIMIT)) != 0)
        count++;
    spinlock_release(&frames->lock);
    memmove(addresses, addresses + wanted - count, count * sizeof(addresses[0]));
    return count;
}

void frames_give_runs(struct frames *frames, const uint64_t *addresses, uint32_t count, unsigned order)
{
    spinlock_acquire(&frames->lock);
    for (uint32_t i = 0; i < count; i++)
        give(frames, PADDR(addresses[i]), order);
    spinlock_release(&frames->lock);
}

/* ---- Start, and ranges ---- */

uint64_t frames_metadata_bytes(uint32_t section_count)
{
    uint64_t block_bytes = FRAME_ROWS * sizeof(uint64_t) + sizeof(struct frame_block);
    return align_up(section_count * SECTION_BLOCKS * block_bytes + frame_index_bytes(section_count), 64);
}

/* Only what is read before it is written: rows and blocks come to life when a block is split. */
void frames_init(struct frames *frames, const struct section_table *sections, void *metadata)
{
    uint32_t count = sections->count;
    CHECK(count <= FRAMES_SECTIONS_MAX);
    CHECK(((uintptr_t)metadata & 63) == 0);
    memset(frames, 0, sizeof(*frames));
    frames->sections = sections;
    frames->section_count = count;
    while (frames->low_count < count && section_base(sections, frames->low_count).value < LOW_END)
        frames->low_count++;

    frames->rows = metadata;
    frames->blocks = (struct frame_block *)(frames->rows + (uint64_t)count * SECTION_BLOCKS * FRAME_ROWS);
    frame_index_init(frames, frames->blocks + (uint64_t)count * SECTION_BLOCKS);
}

/* Blocks [first, first + count) of a section become free as wholes. */
static void add_blocks(struct frames *frames, struct paddr address, uint32_t count)
{
    uint32_t block = section_block(frames->sections, address);
    struct frame_bits *bits = &frames->bits[block / SECTION_BLOCKS];
    uint64_t mask = bits_mask(block % SECTION_BLOCKS, count);
    CHECK(((bits->order[FRAME_ORDER_BLOCK] | bits->split) & mask) == 0);
    frame_index_set(frames, FRAME_ORDER_BLOCK, block / SECTION_BLOCKS, mask);
}

static void add_part(struct frames *frames, struct paddr start, struct paddr end)
{
    uint32_t block = section_block(frames->sections, start);
    struct frame_bits *bits = &frames->bits[block / SECTION_BLOCKS];
    CHECK((bits->order[FRAME_ORDER_BLOCK] & block_bit(block)) == 0);
    if ((bits->split & block_bit(block)) == 0)
        block_open(frames, block, false);
    give_part(frames, start, end);
}

void frames_add(struct frames *frames, struct prange range)
{
    CHECK(range.start.value >= LOW_MEMORY_END);
    CHECK(((range.start.value | range.end.value) & PAGE_MASK) == 0);
    spinlock_acquire(&frames->lock);
    for (uint64_t at = range.start.value; at < range.end.value;) {
        uint64_t end = min_u64(range.end.value, align_down(at, SECTION_BYTES) + SECTION_BYTES);
        if (at % BLOCK_BYTES == 0 && end - at >= BLOCK_BYTES) {
            end = align_down(end, BLOCK_BYTES);
            add_blocks(frames, PADDR(at), (uint32_t)((end - at) / BLOCK_BYTES));
        } else {
            end = min_u64(end, align_down(at, BLOCK_BYTES) + BLOCK_BYTES);
            add_part(frames, PADDR(at), PADDR(end));
        }
        at = end;
    }
    frames->added += prange_pages(range);
    frames->free += prange_pages(range);
    spinlock_release(&frames->lock);
}
