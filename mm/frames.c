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
 *     level 0  | one bit a section     |    that packs memory together, and lets blocks become whole again.
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

#include "kernel/base/string.h"
#include "mm/frame_index.h"

#define ROW_FRAMES 64u
#define ROW_ORDER  6u /* a full row is a run of this order */
#define ROW_BYTES  (ROW_FRAMES * PAGE_SIZE)
#define ROW_FREE   (~(uint64_t)0)
#define RUN_NONE   BLOCK_FRAMES
#define LOW_END    (4 * GIB)

/* Out of line, for what is rare. */
static NOINLINE uint32_t first_block(const struct frames *frames, unsigned order, bool high)
{
    return frame_index_first(frames, order, high);
}

/* ---- One block ---- */

/* Whether each of `count` rows holds `value`. */
static bool rows_hold(const uint64_t *rows, unsigned count, uint64_t value)
{
    for (unsigned i = 0; i < count; i++)
        if (rows[i] != value)
            return false;
    return true;
}

/* The block's bits of the orders between the old limit and the new one follow it (equation 3). */
static NOINLINE void limit_set(struct frames *frames, uint32_t block, unsigned limit)
{
    unsigned order = frames->blocks[block].limit;
    frames->blocks[block].limit = (uint16_t)limit;
    for (; order < limit; order++)
        frame_index_set(frames, order, block / SECTION_BLOCKS, frame_block_bit(block));
    for (; order > limit; order--)
        frame_index_clear(frames, order - 1, block / SECTION_BLOCKS, frame_block_bit(block));
}

/* The block becomes a split one of which all frames are free, or none. */
static void block_open(struct frames *frames, uint32_t block, bool free)
{
    memset(frame_block_rows(frames, block), free ? 0xFF : 0, FRAME_ROWS * sizeof(uint64_t));
    frames->blocks[block] = (struct frame_block){free ? BLOCK_FRAMES : 0, 0};
    frames->bits[block / SECTION_BLOCKS].split |= frame_block_bit(block);
}

static NOINLINE void block_split(struct frames *frames, uint32_t block)
{
    frame_index_clear(frames, FRAME_ORDER_BLOCK, block / SECTION_BLOCKS, frame_block_bit(block));
    block_open(frames, block, true);
    limit_set(frames, block, FRAME_ORDER_BLOCK);
}

static NOINLINE void block_merge(struct frames *frames, uint32_t block)
{
    CHECK(rows_hold(frame_block_rows(frames, block), FRAME_ROWS, ROW_FREE));
    limit_set(frames, block, 0);
    frames->bits[block / SECTION_BLOCKS].split &= ~frame_block_bit(block);
    frame_index_set(frames, FRAME_ORDER_BLOCK, block / SECTION_BLOCKS, frame_block_bit(block));
}

/* After `frame_count` bits of the block's rows were cleared. */
static void block_took(struct frames *frames, uint32_t block, unsigned frame_count)
{
    struct frame_block *state = &frames->blocks[block];
    CHECK(state->free >= frame_count);
    state->free = (uint16_t)(state->free - frame_count);
    if (state->free == 0) {
        CHECK(rows_hold(frame_block_rows(frames, block), FRAME_ROWS, 0));
        limit_set(frames, block, 0);
    }
}

/* ---- Taking runs; the lock is held ---- */

/* The starts of the aligned free runs of 2^order frames (order < 9) in the row; bit 0 for one that is rows long. */
static inline uint64_t row_runs(const uint64_t *rows, unsigned row, unsigned order)
{
    if (order <= ROW_ORDER)
        return frame_index_runs(rows[row], order);
    unsigned count = 1u << (order - ROW_ORDER);
    return rows_hold(rows + (row & ~(count - 1)), count, ROW_FREE);
}

/* The number of the first frame of the first such run in the block, or RUN_NONE. */
static unsigned block_find_run(const uint64_t *rows, unsigned order)
{
    unsigned step = order > ROW_ORDER ? 1u << (order - ROW_ORDER) : 1;
    for (unsigned row = 0; row < FRAME_ROWS; row += step) {
        uint64_t starts = rows[row] == 0 ? 0 : row_runs(rows, row, order);
        if (starts != 0)
            return row * ROW_FRAMES + bits_first(starts);
    }
    return RUN_NONE;
}

/* From the split blocks of one half of memory. */
static uint64_t take_split(struct frames *frames, unsigned order, bool high, uint64_t limit)
{
    uint32_t block;
    while ((block = first_block(frames, order, high)) != BLOCK_NONE) {
        uint64_t *rows = frame_block_rows(frames, block);
        unsigned first = block_find_run(rows, order);
        if (first == RUN_NONE) {
            limit_set(frames, block, order); /* it may have held one, and does not */
            continue;
        }
        uint64_t address = section_block_base(frames->sections, block).value + first * PAGE_SIZE;
        if (address + (PAGE_SIZE << order) > limit)
            return 0;
        if (order <= ROW_ORDER)
            rows[first / ROW_FRAMES] &= ~(frame_index_masks[order] << first % ROW_FRAMES);
        else
            memset(&rows[first / ROW_FRAMES], 0, BIT(order) / 8);
        block_took(frames, block, 1u << order);
        return address;
    }
    return 0;
}

/* Splits the first whole block of that half, if there is one whose first run of the order ends below the limit. */
static bool split_first(struct frames *frames, unsigned order, bool high, uint64_t limit)
{
    uint32_t block = first_block(frames, FRAME_ORDER_BLOCK, high);
    if (block == BLOCK_NONE || section_block_base(frames->sections, block).value + (PAGE_SIZE << order) > limit)
        return false;
    block_split(frames, block);
    return true;
}

static NOINLINE uint64_t take_half(struct frames *frames, unsigned order, bool high, uint64_t limit)
{
    if (order >= FRAME_ORDER_BLOCK)
        return frame_index_take_blocks(frames, order, high, limit);
    uint64_t address = take_split(frames, order, high, limit);
    if (address == 0 && split_first(frames, order, high, limit))
        address = take_split(frames, order, high, limit);
    return address;
}

static NOINLINE uint64_t take(struct frames *frames, unsigned order, uint64_t limit)
{
    uint64_t address = limit > LOW_END ? take_half(frames, order, true, limit) : 0;
    return address != 0 ? address : take_half(frames, order, false, limit);
}

/* ---- Taking rows; the lock is held ---- */

/* Stores the addresses of a row's frames so that the lowest is the last; returns how many. */
static inline uint32_t list_row(uint64_t *addresses, uint64_t base, uint64_t row)
{
    uint32_t count = 0;
    if (row == ROW_FREE)
        for (; count < ROW_FRAMES; count++)
            addresses[count] = base + (ROW_FRAMES - 1 - count) * PAGE_SIZE;
    else
        for (; row != 0; row ^= BIT(bits_last(row)))
            addresses[count++] = base + bits_last(row) * PAGE_SIZE;
    return count;
}

/* The block's rows from the first on, until there are `wanted` frames. */
static uint32_t block_take_rows(struct frames *frames, uint32_t block, uint64_t *addresses, uint32_t wanted)
{
    uint64_t *rows = frame_block_rows(frames, block);
    uint64_t base = section_block_base(frames->sections, block).value;
    uint32_t count = 0;
    for (unsigned row = 0; row < FRAME_ROWS && count < wanted; row++) {
        if (rows[row] == 0)
            continue;
        count += list_row(addresses + count, base + row * ROW_BYTES, rows[row]);
        rows[row] = 0;
    }
    CHECK(count > 0); /* its limit says that the block has a free frame */
    block_took(frames, block, count);
    return count;
}

/* ---- Giving; the lock is held ---- */

/* The limit rises over every order of which a free run has come about in `row`. */
static NOINLINE void limit_grow(struct frames *frames, uint32_t block, unsigned row)
{
    const uint64_t *rows = frame_block_rows(frames, block);
    unsigned limit = frames->blocks[block].limit;
    uint64_t runs = limit <= ROW_ORDER ? frame_index_runs(rows[row], limit) : 0;
    for (; runs != 0; limit++)
        runs = limit == ROW_ORDER ? 0 : runs & runs >> (1u << limit) & frame_index_starts[limit + 1];
    while (limit > ROW_ORDER && limit < FRAME_ORDER_BLOCK && row_runs(rows, row, limit) != 0)
        limit++;
    if (limit != frames->blocks[block].limit)
        limit_set(frames, block, limit);
}

/*
 * The frames of `mask` become free: `frame_count` set bits, of the row (64 frames) at `address`. Everything rare is a
 * call at the end, so the common case, one frame that completes no run that its block did not have, saves no register.
 */
static NOINLINE void give_row(struct frames *frames, uint64_t address, uint64_t mask, unsigned frame_count)
{
    uint32_t slot = section_slot(frames->sections, PADDR(address));
    unsigned in_section = (unsigned)(address >> BLOCK_SHIFT) % SECTION_BLOCKS;
    CHECK(slot != SECTION_NONE);
    CHECK((frames->bits[slot].split & BIT(in_section)) != 0);
    uint32_t block = slot * SECTION_BLOCKS + in_section;
    unsigned row = (unsigned)(address / ROW_BYTES) % FRAME_ROWS;
    uint64_t *bits = frame_block_rows(frames, block) + row;
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

/* `count` whole blocks, inside one section, become free. */
static inline void give_blocks(struct frames *frames, uint64_t start, unsigned count)
{
    uint32_t slot = section_slot(frames->sections, PADDR(start));
    CHECK(slot != SECTION_NONE);
    uint64_t mask = bits_mask(start / BLOCK_BYTES % SECTION_BLOCKS, count);
    CHECK(((frames->bits[slot].order[FRAME_ORDER_BLOCK] | frames->bits[slot].split) & mask) == 0); /* a double free */
    frame_index_set(frames, FRAME_ORDER_BLOCK, slot, mask);
}

/* All frames of [start, end) become free: whole blocks a section at a time, the rest row by row. */
static void give_range(struct frames *frames, uint64_t start, uint64_t end)
{
    for (uint64_t next; start < end; start = next) {
        if (start % BLOCK_BYTES == 0 && end - start >= BLOCK_BYTES) {
            next = min_u64(align_down(end, BLOCK_BYTES), align_down(start, SECTION_BYTES) + SECTION_BYTES);
            give_blocks(frames, start, (unsigned)((next - start) / BLOCK_BYTES));
        } else {
            next = min_u64(end, align_down(start, ROW_BYTES) + ROW_BYTES);
            unsigned count = (unsigned)((next - start) >> PAGE_SHIFT);
            give_row(frames, start, bits_mask((start >> PAGE_SHIFT) % ROW_FRAMES, count), count);
        }
    }
}

static void give_singles(struct frames *frames, const uint64_t *addresses, const uint64_t *end)
{
    while (addresses < end) {
        const uint64_t *first = addresses;
        uint64_t row = align_down(*first, ROW_BYTES);
        uint64_t mask = 0;
        do {
            mask |= BIT(*addresses >> PAGE_SHIFT & (ROW_FRAMES - 1));
            addresses++;
        } while (addresses < end && *addresses - row < ROW_BYTES);
        unsigned in_row = (unsigned)(addresses - first);
        CHECK(in_row == 1 || bits_count(mask) == in_row); /* twice in the list: a double free */
        give_row(frames, row, mask, in_row);
    }
}

/* ---- For callers ---- */

struct paddr frames_take(struct frames *frames, unsigned order, uint64_t limit)
{
    CHECK(order <= FRAME_ORDER_MAX);
    spinlock_acquire(&frames->lock);
    uint64_t address = take(frames, order, limit);
    if (address != 0) {
        frames->free -= BIT(order);
        frames->handed_out += BIT(order);
    }
    spinlock_release(&frames->lock);
    return PADDR(address);
}

void frames_give(struct frames *frames, struct paddr address, unsigned order)
{
    frame_check_run(address, order);
    frames_give_many(frames, order, &address.value, 1);
}

static uint32_t take_rows(struct frames *frames, uint64_t *addresses, uint32_t wanted)
{
    uint32_t count = 0;
    for (unsigned half = 0; half < 2; half++) {
        while (count < wanted) {
            uint32_t block = first_block(frames, 0, half == 0);
            if (block != BLOCK_NONE)
                count += block_take_rows(frames, block, addresses + count, wanted - count);
            else if (!split_first(frames, 0, half == 0, FRAMES_NO_LIMIT))
                break;
        }
    }
    return count;
}

uint32_t frames_take_many(struct frames *frames, unsigned order, uint64_t *addresses, uint32_t wanted)
{
    uint32_t count = 0;
    spinlock_acquire(&frames->lock);
    if (order == 0)
        count = take_rows(frames, addresses, wanted);
    else
        while (count < wanted && (addresses[count] = take(frames, order, FRAMES_NO_LIMIT)) != 0)
            count++;
    frames->free -= (uint64_t)count << order;
    frames->handed_out += (uint64_t)count << order;
    spinlock_release(&frames->lock);
    return count;
}

void frames_give_many(struct frames *frames, unsigned order, const uint64_t *addresses, uint32_t count)
{
    uint64_t frame_count = (uint64_t)count << order;
    spinlock_acquire(&frames->lock);
    CHECK(frames->handed_out >= frame_count);
    if (order == 0)
        give_singles(frames, addresses, addresses + count);
    else
        for (uint32_t i = 0; i < count; i++)
            give_range(frames, addresses[i], addresses[i] + (PAGE_SIZE << order));
    frames->free += frame_count;
    frames->handed_out -= frame_count;
    spinlock_release(&frames->lock);
}

struct paddr frames_take_block(struct frames *frames)
{
    spinlock_acquire(&frames->lock);
    uint32_t block = frame_index_first(frames, FRAME_ORDER_BLOCK, true);
    if (block == BLOCK_NONE)
        block = frame_index_first(frames, FRAME_ORDER_BLOCK, false);
    struct paddr address = PADDR(0);
    if (block != BLOCK_NONE) {
        address = section_block_base(frames->sections, block);
        frames->free -= BLOCK_FRAMES;
        frames->handed_out += BLOCK_FRAMES;
        frame_index_clear(frames, FRAME_ORDER_BLOCK, block / SECTION_BLOCKS, frame_block_bit(block));
    }
    spinlock_release(&frames->lock);
    return address;
}

void frames_give_block(struct frames *frames, struct paddr address)
{
    CHECK(address.value % BLOCK_BYTES == 0);
    spinlock_acquire(&frames->lock);
    CHECK(frames->handed_out >= BLOCK_FRAMES);
    frames->free += BLOCK_FRAMES;
    frames->handed_out -= BLOCK_FRAMES;
    give_blocks(frames, address.value, 1);
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
    *frames = (struct frames){.sections = sections, .section_count = count};
    while (frames->low_count < count && section_base(sections, frames->low_count).value < LOW_END)
        frames->low_count++;

    frames->rows = metadata;
    frames->blocks = (struct frame_block *)(frames->rows + (uint64_t)count * SECTION_BLOCKS * FRAME_ROWS);
    frame_index_init(frames, frames->blocks + (uint64_t)count * SECTION_BLOCKS);
}

/* A range that begins or ends at `edge`, inside a block, needs the block's rows. */
static void open_edge(struct frames *frames, struct paddr edge)
{
    if (edge.value % BLOCK_BYTES == 0)
        return;
    uint32_t block = section_block(frames->sections, edge);
    struct frame_bits *bits = &frames->bits[block / SECTION_BLOCKS];
    if (((bits->order[FRAME_ORDER_BLOCK] | bits->split) & frame_block_bit(block)) == 0)
        block_open(frames, block, false);
}

void frames_add(struct frames *frames, struct prange range)
{
    CHECK(range.start.value >= LOW_MEMORY_END);
    CHECK(((range.start.value | range.end.value) & PAGE_MASK) == 0);
    spinlock_acquire(&frames->lock);
    open_edge(frames, range.start);
    open_edge(frames, range.end);
    give_range(frames, range.start.value, range.end.value);
    frames->added += prange_pages(range);
    frames->free += prange_pages(range);
    spinlock_release(&frames->lock);
}
