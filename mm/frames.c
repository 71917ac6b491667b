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
 * A cache takes many runs at a time (frames by whole rows), and gives many back, neighbours in one piece. What lies in
 * a cache is handed out as far as this file knows.
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

/* ---- One block; what is rare is out of line, so that the common ways save no registers for it ---- */

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
    uint32_t slot = block / SECTION_BLOCKS;
    memset(frame_block_rows(frames, block), free ? 0xFF : 0, FRAME_ROWS * sizeof(uint64_t));
    frames->blocks[block] = (struct frame_block){free ? BLOCK_FRAMES : 0, 0};
    if (frames->split[slot] == 0) /* the section's first: its words were nobody's until now */
        memset(frames->bits[slot].order, 0, FRAME_ORDER_BLOCK * sizeof(uint64_t));
    frames->split[slot] |= frame_block_bit(block);
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
    frames->split[block / SECTION_BLOCKS] &= ~frame_block_bit(block);
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

/* From the split blocks of the span. */
static uint64_t take_split(struct frames *frames, unsigned order, const struct frame_span *span, uint64_t limit)
{
    uint32_t block;
    while ((block = frame_index_first(frames, order, span)) != BLOCK_NONE) {
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
            rows[first / ROW_FRAMES] &= ~(frame_index_run.mask[order] << first % ROW_FRAMES);
        else
            memset(&rows[first / ROW_FRAMES], 0, BIT(order) / 8);
        block_took(frames, block, 1u << order);
        return address;
    }
    return 0;
}

/* Splits the first whole block of the span, if there is one whose first run of the order ends below the limit. */
static bool split_first(struct frames *frames, unsigned order, const struct frame_span *span, uint64_t limit)
{
    uint32_t block = frame_index_first(frames, FRAME_ORDER_BLOCK, span);
    if (block == BLOCK_NONE || section_block_base(frames->sections, block).value + (PAGE_SIZE << order) > limit)
        return false;
    block_split(frames, block);
    return true;
}

/* Stores what a word's bits stand for, the lowest as the last, which is the next to go; returns how many. */
static inline uint32_t list_bits(uint64_t *addresses, uint64_t base, uint64_t word, unsigned shift)
{
    uint32_t count = 0;
    if (word == ROW_FREE)
        for (; count < 64; count++)
            addresses[count] = base + ((uint64_t)(63 - count) << shift);
    else
        for (; word != 0; word ^= BIT(bits_last(word)))
            addresses[count++] = base + ((uint64_t)bits_last(word) << shift);
    return count;
}

/* Up to `wanted` whole blocks of one section, if the first of them ends below the limit; returns how many. */
static uint32_t take_blocks(struct frames *frames, const struct frame_span *span, uint64_t limit, uint64_t *addresses,
                            uint32_t wanted)
{
    uint32_t block = frame_index_first(frames, FRAME_ORDER_BLOCK, span);
    if (block == BLOCK_NONE || section_block_base(frames->sections, block).value + BLOCK_BYTES > limit)
        return 0;
    uint32_t slot = block / SECTION_BLOCKS;
    uint64_t blocks = frames->bits[slot].order[FRAME_ORDER_BLOCK];
    uint64_t rest = blocks;
    for (; wanted != 0 && rest != 0; wanted--)
        rest &= rest - 1;
    frame_index_clear(frames, FRAME_ORDER_BLOCK, slot, blocks ^ rest);
    return list_bits(addresses, section_base(frames->sections, slot).value, blocks ^ rest, BLOCK_SHIFT);
}

static NOINLINE uint64_t take_run(struct frames *frames, unsigned order, const struct frame_span *span, uint64_t limit)
{
    if (order > FRAME_ORDER_BLOCK)
        return frame_index_take_runs(frames, order, span, limit);
    uint64_t address = 0;
    if (order == FRAME_ORDER_BLOCK)
        return take_blocks(frames, span, limit, &address, 1) != 0 ? address : 0;
    address = take_split(frames, order, span, limit);
    if (address == 0 && split_first(frames, order, span, limit))
        address = take_split(frames, order, span, limit);
    return address;
}

/* Rows of one block, from its first on, until there are `wanted` frames, so up to 63 more; returns how many. */
static uint32_t take_rows(struct frames *frames, const struct frame_span *span, uint64_t *addresses, uint32_t wanted)
{
    uint32_t block = frame_index_first(frames, 0, span);
    if (block == BLOCK_NONE && split_first(frames, 0, span, FRAMES_NO_LIMIT))
        block = frame_index_first(frames, 0, span);
    if (block == BLOCK_NONE)
        return 0;
    uint64_t *rows = frame_block_rows(frames, block);
    uint64_t base = section_block_base(frames->sections, block).value;
    uint32_t count = 0;
    for (unsigned row = 0; row < FRAME_ROWS && count < wanted; row++) {
        count += list_bits(addresses + count, base + row * ROW_BYTES, rows[row], PAGE_SHIFT);
        rows[row] = 0;
    }
    CHECK(count > 0); /* its limit says that the block has a free frame */
    block_took(frames, block, count);
    return count;
}

/* As many as come at once, up to `wanted`; 0 when there are none. */
static uint32_t take_some(struct frames *frames, unsigned order, const struct frame_span *span, uint64_t *addresses,
                          uint32_t wanted)
{
    if (order == 0)
        return take_rows(frames, span, addresses, wanted);
    if (order == FRAME_ORDER_BLOCK)
        return take_blocks(frames, span, FRAMES_NO_LIMIT, addresses, wanted);
    addresses[0] = take_run(frames, order, span, FRAMES_NO_LIMIT);
    return addresses[0] != 0;
}

/* ---- Giving; the lock is held ---- */

/* The limit rises over every order of which a free run has come about in `row`. */
static NOINLINE void limit_grow(struct frames *frames, uint32_t block, unsigned row)
{
    unsigned limit = frames->blocks[block].limit;
    if (limit <= ROW_ORDER && frame_block_rows(frames, block)[row] == ROW_FREE)
        limit = ROW_ORDER + 1;
    while (limit < FRAME_ORDER_BLOCK && row_runs(frame_block_rows(frames, block), row, limit) != 0)
        limit++;
    if (limit != frames->blocks[block].limit)
        limit_set(frames, block, limit);
}

/* The number of the frame among all; only a split block can get one back. */
static inline uint64_t split_frame(const struct section_table *sections, const uint64_t *split, uint64_t address)
{
    uint32_t slot = section_slot(sections, PADDR(address));
    CHECK(slot != SECTION_NONE);
    uint64_t frame = slot * SECTION_FRAMES + address / PAGE_SIZE % SECTION_FRAMES;
    CHECK((split[slot] >> frame / BLOCK_FRAMES % SECTION_BLOCKS & 1) != 0);
    return frame;
}

/* After frames of one row, of which this is one, became free: the block is whole again, or its limit may rise. */
static NOINLINE void block_gave(struct frames *frames, uint64_t frame)
{
    uint32_t block = (uint32_t)(frame / BLOCK_FRAMES);
    if (frames->blocks[block].free == BLOCK_FRAMES)
        block_merge(frames, block);
    else
        limit_grow(frames, block, frame / ROW_FRAMES % FRAME_ROWS);
}

/* The `count` frames from `address` on, all in one row, become free. */
static void give_row(struct frames *frames, uint64_t address, unsigned count)
{
    uint64_t frame = split_frame(frames->sections, frames->split, address);
    uint64_t *row = &frames->rows[frame / ROW_FRAMES];
    uint64_t mask = bits_mask(frame % ROW_FRAMES, count);
    CHECK((*row & mask) == 0); /* free already: a double free */
    *row |= mask;
    struct frame_block *block = &frames->blocks[frame / BLOCK_FRAMES];
    block->free = (uint16_t)(block->free + count);
    block_gave(frames, frame);
}

/* `count` whole blocks, inside one section, become free. */
static inline void give_blocks(struct frames *frames, uint64_t start, unsigned count)
{
    uint32_t slot = section_slot(frames->sections, PADDR(start));
    CHECK(slot != SECTION_NONE);
    uint64_t mask = bits_mask(start / BLOCK_BYTES % SECTION_BLOCKS, count);
    CHECK(((frames->bits[slot].order[FRAME_ORDER_BLOCK] | frames->split[slot]) & mask) == 0); /* a double free */
    frame_index_set(frames, FRAME_ORDER_BLOCK, slot, mask);
}

/*
 * All frames of [start, end) become free: row by row, but blocks that the range covers a section at a time when `whole`
 * says that they are not split.
 */
static void give_range(struct frames *frames, uint64_t start, uint64_t end, bool whole)
{
    for (uint64_t next; start < end; start = next) {
        if (whole && start % BLOCK_BYTES == 0 && end - start >= BLOCK_BYTES) {
            next = min_u64(align_down(end, BLOCK_BYTES), align_down(start, SECTION_BYTES) + SECTION_BYTES);
            give_blocks(frames, start, (unsigned)((next - start) / BLOCK_BYTES));
        } else {
            next = min_u64(end, align_down(start, ROW_BYTES) + ROW_BYTES);
            give_row(frames, start, (unsigned)((next - start) >> PAGE_SHIFT));
        }
    }
}

/* The first runs of the list that lie side by side, rising or falling, as one range; returns how many. */
static NOINLINE uint32_t give_neighbours(struct frames *frames, const uint64_t *runs, uint32_t count,
                                         uint64_t run_bytes)
{
    bool falling = count > 1 && runs[1] < runs[0];
    uint64_t step = falling ? -run_bytes : run_bytes;
    uint64_t next = runs[0] + step;
    uint32_t given = 1;
    for (; given < count && runs[given] == next; given++)
        next += step;
    uint64_t start = falling ? next + run_bytes : runs[0];
    CHECK(start >= LOW_MEMORY_END);
    CHECK((start & (run_bytes - 1)) == 0);
    give_range(frames, start, start + given * run_bytes, run_bytes >= BLOCK_BYTES);
    return given;
}

/* The second frame lies next to the first: behind it, two pages from the page before it; or on that page itself. */
static inline bool neighbour_follows(const uint64_t *runs)
{
    return ((runs[1] - runs[0] + PAGE_SIZE) & ~(2 * PAGE_SIZE)) == 0;
}

/*
 * The first frames of the list that have no neighbour in it, up to one that makes its block whole or completes a run in
 * it (the caller sees to that), but not the last one. Returns how many. The commonest of all that is given back: so
 * nothing is called here, and what no store can change is at hand in copies.
 */
static NOINLINE uint32_t give_scattered(struct frames *frames, const uint64_t *addresses, uint32_t count)
{
    const struct section_table sections = *frames->sections;
    const uint64_t *const split = frames->split;
    uint64_t *const rows = frames->rows;
    struct frame_block *const blocks = frames->blocks;
    for (uint32_t i = 0; i + 1 < count; i++) {
        if (neighbour_follows(addresses + i))
            return i;
        uint64_t frame = split_frame(&sections, split, addresses[i]);
        uint64_t row = rows[frame / ROW_FRAMES] ^ BIT(frame % ROW_FRAMES);
        CHECK((row >> frame % ROW_FRAMES & 1) != 0); /* it was free: a double free */
        rows[frame / ROW_FRAMES] = row;

        struct frame_block *block = &blocks[frame / BLOCK_FRAMES];
        unsigned free = block->free + 1u;
        block->free = (uint16_t)free;
        uint64_t run_first = frame & frame_index_run.first[block->limit];
        if (free == BLOCK_FRAMES || (~row >> run_first & frame_index_run.mask[block->limit]) == 0)
            return i + 1;
    }
    return count - 1;
}

static void give_singles(struct frames *frames, const uint64_t *addresses, uint32_t count)
{
    for (uint32_t given; count != 0; addresses += given, count -= given) {
        given = give_scattered(frames, addresses, count);
        if (given != 0)
            block_gave(frames, split_frame(frames->sections, frames->split, addresses[given - 1]));
        else
            given = give_neighbours(frames, addresses, count, PAGE_SIZE);
    }
}

/* ---- For callers ---- */

struct paddr frames_take_in(struct frames *frames, const struct frame_span *search, unsigned order, uint64_t limit)
{
    CHECK(order <= FRAME_ORDER_MAX);
    uint64_t address = 0;
    spinlock_acquire(&frames->lock);
    for (; search->end != 0 && address == 0; search++)
        if (limit > LOW_END || search->first < frames->low_count)
            address = take_run(frames, order, search, limit);
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

uint32_t frames_take_many(struct frames *frames, const struct frame_span *search, unsigned order, uint64_t *addresses,
                          uint32_t wanted)
{
    uint32_t count = 0;
    spinlock_acquire(&frames->lock);
    /* A cache gets no more than a 64th of what is free, and one run: the scarcer memory is, the less lies in caches. */
    wanted = (uint32_t)min_u64(wanted, (frames->free >> (order + 6)) + 1);
    for (; search->end != 0 && count < wanted; search++)
        for (uint32_t some = 1; count < wanted && some != 0; count += some)
            some = take_some(frames, order, search, addresses + count, wanted - count);
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
        give_singles(frames, addresses, count);
    else
        for (uint32_t i = 0; i < count;)
            i += give_neighbours(frames, addresses + i, count - i, PAGE_SIZE << order);
    frames->free += frame_count;
    frames->handed_out -= frame_count;
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
    frames->halves[0] = (struct frame_span){frames->low_count, count};
    frames->halves[1] = (struct frame_span){0, frames->low_count};

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
    uint32_t slot = block / SECTION_BLOCKS;
    if (((frames->bits[slot].order[FRAME_ORDER_BLOCK] | frames->split[slot]) & frame_block_bit(block)) == 0)
        block_open(frames, block, false);
}

void frames_add(struct frames *frames, struct prange range)
{
    CHECK(range.start.value >= LOW_MEMORY_END);
    CHECK(((range.start.value | range.end.value) & PAGE_MASK) == 0);
    spinlock_acquire(&frames->lock);
    open_edge(frames, range.start);
    open_edge(frames, range.end);
    give_range(frames, range.start.value, range.end.value, true);
    frames->added += prange_pages(range);
    frames->free += prange_pages(range);
    spinlock_release(&frames->lock);
}
