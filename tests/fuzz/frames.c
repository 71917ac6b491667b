/*
 * The frame allocator under a stream of operations, against one byte for each frame. Holds: a run that is handed out
 * was free, is aligned, lies below the limit and is nobody else's; no run is refused while one is free; the counts are
 * the model's, and the equations of frames.h hold at every AUDIT_PERIOD-th operation and at the end.
 *
 * Memory: four ranges, odd at their ends, across a section's border and across 4 GiB, one with a whole GiB in it.
 * Input: three bytes for each operation: what, order and cache, which.
 */
#include "mm/frames.h"
#include "tests/fuzz/input.h"
#include "tests/unit/arena.h"
#include "tests/unit/port_fake.h"

#define CACHES       3u
#define HELD_MAX     512u
#define AUDIT_PERIOD 32u
#define RANGES       4u

static const struct prange ranges[RANGES] = {
    {{1 * MIB},                    {3 * MIB + 0x7000}          },
    {{127 * MIB + 0x1000},         {131 * MIB}                 },
    {{4 * GIB - 2 * MIB - 0x3000}, {4 * GIB + 4 * MIB + 0x1000}},
    {{5 * GIB - 0x5000},           {6 * GIB + 0x201000}        },
};

enum state { ABSENT, FREE, HELD };

struct run {
    uint64_t address;
    unsigned order;
};

struct model {
    uint8_t *states[RANGES]; /* enum state, by frame of the range */
    uint64_t free_count;
    uint64_t held_count;
    struct run held[HELD_MAX];
    uint32_t held_runs;
};

static struct model model;
static struct arena arena;
static struct frame_cache caches[CACHES];

static uint8_t *states_of(uint64_t address, uint64_t frames)
{
    for (unsigned i = 0; i < RANGES; i++) {
        uint64_t start = ranges[i].start.value;
        if (address >= start && address + frames * PAGE_SIZE <= ranges[i].end.value)
            return model.states[i] + (address - start) / PAGE_SIZE;
    }
    return NULL;
}

static void change(uint64_t address, uint64_t frames, enum state from, enum state to)
{
    uint8_t *states = states_of(address, frames);
    CHECK(states != NULL);
    for (uint64_t i = 0; i < frames; i++) {
        CHECK(states[i] == from);
        states[i] = to;
    }
}

static void begin(void)
{
    port_fake_reset(NULL);
    arena_create(&arena, ranges, RANGES, false);
    for (unsigned i = 0; i < CACHES; i++)
        frame_cache_init(&caches[i], &arena.frames);
    model.free_count = 0;
    model.held_count = 0;
    model.held_runs = 0;
    for (unsigned i = 0; i < RANGES; i++) {
        uint64_t frames = prange_pages(ranges[i]);
        if (model.states[i] == NULL)
            model.states[i] = malloc(frames);
        memset(model.states[i], FREE, frames);
        model.free_count += frames;
    }
}

/* Whether the shared state has an aligned run that ends at or below the limit: asked block by block. */
static bool has_run(unsigned order, uint64_t limit)
{
    uint64_t size_bytes = PAGE_SIZE << order;
    for (unsigned i = 0; i < RANGES; i++) {
        uint64_t at = align_up(ranges[i].start.value, size_bytes);
        while (at + size_bytes <= min_u64(ranges[i].end.value, limit)) {
            struct prange block = PRANGE(align_down(at, BLOCK_BYTES), align_down(at, BLOCK_BYTES) + BLOCK_BYTES);
            if (order < FRAME_ORDER_BLOCK && frames_free_in(&arena.frames, block) < (uint64_t)1 << order)
                at = block.end.value;
            else if (frames_free_in(&arena.frames, PRANGE(at, at + size_bytes)) == (uint64_t)1 << order)
                return true;
            else
                at += size_bytes;
        }
    }
    return false;
}

static void take(struct frame_cache *cache, unsigned how, unsigned order, uint64_t limit)
{
    struct paddr address;
    if (model.held_runs == HELD_MAX)
        return;
    if (how == 0) {
        address = frame_alloc(cache, order);
        limit = UINT64_MAX;
    } else if (how == 1) {
        address = frame_alloc_below(cache, order, limit);
    } else {
        address = frames_take(&arena.frames, order, limit);
    }
    if (address.value == 0) {
        CHECK(!has_run(order, limit));
        return;
    }
    uint64_t frames = (uint64_t)1 << order;
    CHECK(address.value % (PAGE_SIZE << order) == 0);
    CHECK(limit == UINT64_MAX || address.value + frames * PAGE_SIZE <= limit);
    change(address.value, frames, FREE, HELD);
    model.free_count -= frames;
    model.held_count += frames;
    model.held[model.held_runs++] = (struct run){address.value, order};
}

static void give_run(struct frame_cache *cache, unsigned how, struct run run)
{
    change(run.address, (uint64_t)1 << run.order, HELD, FREE);
    if (how % 2 == 0)
        frame_free(cache, PADDR(run.address), run.order);
    else
        frames_give(&arena.frames, PADDR(run.address), run.order);
}

/* Whole, or below order 9 in two halves of which the second goes another way. */
static void give(struct frame_cache *cache, unsigned how, uint64_t which)
{
    if (model.held_runs == 0)
        return;
    struct run *place = &model.held[which % model.held_runs];
    struct run run = *place;
    *place = model.held[--model.held_runs];
    model.free_count += (uint64_t)1 << run.order;
    model.held_count -= (uint64_t)1 << run.order;
    if (how < 2 || run.order == 0 || run.order >= FRAME_ORDER_BLOCK) {
        give_run(cache, how, run);
        return;
    }
    struct run half = {run.address, run.order - 1};
    give_run(cache, how, half);
    half.address += PAGE_SIZE << half.order;
    give_run(&caches[0], how + 1, half);
}

static void check_counts(void)
{
    struct frames_stats stats;
    uint64_t shared = 0;
    uint64_t cached = frame_caches_total(&arena.frames);
    for (unsigned i = 0; i < RANGES; i++)
        shared += frames_free_in(&arena.frames, ranges[i]);
    CHECK(frames_free_count(&arena.frames) == model.free_count);
    CHECK(frames_used_count(&arena.frames) == model.held_count);
    CHECK(shared + cached == model.free_count);
    frames_get_stats(&arena.frames, &stats);
    CHECK(stats.free == model.free_count && stats.used == model.held_count && stats.cached == cached);
    CHECK(frames_audit(&arena.frames) == STATUS_OK);
}

/* A frame is free in the shared state only if it is free in the model. */
static void check_frame(uint64_t which)
{
    const struct prange range = ranges[which % RANGES];
    uint64_t address = range.start.value + which * 37 % prange_pages(range) * PAGE_SIZE;
    if (frames_is_free(&arena.frames, PADDR(address)))
        CHECK(*states_of(address, 1) == FREE);
    CHECK(!frames_is_free(&arena.frames, PADDR(range.end.value)));
    CHECK(!frames_is_free(&arena.frames, PADDR(range.start.value - PAGE_SIZE)));
}

static void operate(struct input *input)
{
    uint64_t what = input_number(input, 1);
    uint64_t detail = input_number(input, 1);
    uint64_t which = input_number(input, 1);
    struct frame_cache *cache = &caches[detail / 32 % CACHES];
    unsigned order = (unsigned)(detail % 32 % (FRAME_ORDER_MAX + 1));
    switch (what % 16) {
    case 12:
        frame_cache_flush(cache);
        break;
    case 13:
        check_frame(which + detail);
        break;
    case 14: /* as many as it takes to fill and empty stacks */
        for (uint64_t i = 0; i < which; i++)
            take(cache, 0, order % FRAME_ORDERS, 0);
        break;
    case 15:
        for (uint64_t i = 0; i < which; i++)
            give(cache, 0, i * detail);
        break;
    default:
        if (what % 16 < 7)
            take(cache, what % 16 < 4 ? 0 : (unsigned)(what % 16) - 3, order, which * which * which * KIB * 512);
        else
            give(cache, (unsigned)(what % 16) - 7, which + detail);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct input input = {bytes, size_bytes};
    begin();
    for (unsigned count = 1; input.left_bytes != 0; count++) {
        operate(&input);
        if (count % AUDIT_PERIOD == 0)
            check_counts();
    }
    check_counts();
    while (model.held_runs != 0)
        give(&caches[model.held_runs % CACHES], 0, 0);
    for (unsigned i = 0; i < CACHES; i++)
        frame_cache_flush(&caches[i]);
    check_counts();
    for (unsigned i = 0; i < RANGES; i++)
        CHECK(frames_free_in(&arena.frames, ranges[i]) == prange_pages(ranges[i]));
    arena_destroy(&arena);
    return 0;
}
