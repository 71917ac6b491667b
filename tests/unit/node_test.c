/* mm/node.c, and the searches of mm/frame_index.c that only nodes need: whose a section is, who takes what first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/node.h"
#include "tests/unit/arena.h"
#include "tests/unit/random.h"

#define RANGE(start_address, end_address) {{start_address}, {end_address}}

static struct arena arena;
static struct nodes all;
static struct node *const nodes = all.node;

struct node_range {
    struct prange range;
    uint32_t domain;
};

static uint32_t make(const struct node_range *ranges, uint32_t count)
{
    memset(&all, 0, sizeof(all));
    for (unsigned half = 0; half < 2; half++)
        for (uint32_t i = 0; i < count; i++)
            nodes_add(&all, &arena.frames, half, ranges[i].range, ranges[i].domain);
    return all.count;
}

static bool has(const struct node *node, uint64_t address)
{
    return node_has(node, section_slot(&arena.sections, PADDR(address)));
}

static void assert_span(const struct node *node, unsigned i, uint64_t start, uint64_t end)
{
    struct prange range = node_span(&arena.sections, node->search[i]);
    assert_true(i < node->span_count);
    assert_int_equal(range.start.value, start);
    assert_int_equal(range.end.value, end);
}

/* What a node has above 4 GiB stands first; a hole ends a span, also where the slots are neighbours. */
static void spans_follow_the_memory(void **state)
{
    (void)state;
    static const struct prange memory[] = {RANGE(MIB, GIB), RANGE(4 * GIB, 6 * GIB), RANGE(TIB, TIB + GIB)};
    static const struct node_range ranges[] = {
        {RANGE(0, 0xA0000), 5},         {RANGE(MIB, GIB), 5},
        {RANGE(4 * GIB, 5 * GIB), 5},   {RANGE(5 * GIB, 6 * GIB), 2},
        {RANGE(TIB, TIB + GIB), 5},     {RANGE(2 * TIB, 3 * TIB), 9}, /* for memory to be plugged in: none there */
    };
    arena_create(&arena, memory, 3, false);
    assert_int_equal(make(ranges, 6), 3);
    assert_int_equal(nodes[2].span_count, 0);
    assert_ptr_equal(nodes_find(&all, 5), &nodes[0]);
    assert_null(nodes_find(&all, 3));
    assert_int_equal(nodes[0].domain, 5);
    assert_int_equal(nodes[0].span_count, 3);
    assert_span(&nodes[0], 0, 4 * GIB, 5 * GIB);
    assert_span(&nodes[0], 1, TIB, TIB + GIB);
    assert_span(&nodes[0], 2, 0, GIB);
    assert_int_equal(nodes[1].domain, 2);
    assert_int_equal(nodes[1].span_count, 1);
    assert_span(&nodes[1], 0, 5 * GIB, 6 * GIB);
    assert_true(has(&nodes[1], 6 * GIB - 1));
    assert_false(has(&nodes[1], 6 * GIB));
    assert_false(has(&nodes[1], MIB));
    arena_destroy(&arena);
}

/* A page of it is enough: each node's CPUs have it near, and one's ranges may meet in it as well. */
static void a_section_of_two_is_near_both(void **state)
{
    (void)state;
    static const struct prange memory[] = {RANGE(4 * GIB, 4 * GIB + 3 * SECTION_BYTES)};
    uint64_t base = 4 * GIB, border = 4 * GIB + SECTION_BYTES + PAGE_SIZE;
    const struct node_range ranges[] = {
        {PRANGE(base, base + 40 * MIB), 0},
        {PRANGE(base + 40 * MIB, border), 0},
        {PRANGE(border, base + 3 * SECTION_BYTES), 1},
    };
    arena_create(&arena, memory, 1, false);
    assert_int_equal(make(ranges, 3), 2);
    assert_int_equal(nodes[0].span_count, 1);
    assert_int_equal(nodes[1].span_count, 1);
    assert_span(&nodes[0], 0, base, base + 2 * SECTION_BYTES);
    assert_span(&nodes[1], 0, base + SECTION_BYTES, base + 3 * SECTION_BYTES);
    arena_destroy(&arena);
}

/* All of the near memory goes first, high before low; then the others'. It comes back to where it is from. */
static void near_memory_goes_first(void **state)
{
    (void)state;
    static const struct prange memory[] = {RANGE(MIB, GIB), RANGE(4 * GIB, 6 * GIB)};
    static const struct node_range ranges[] = {
        {RANGE(0, 512 * MIB), 0},
        {RANGE(512 * MIB, GIB), 1},
        {RANGE(4 * GIB, 5 * GIB + 256 * MIB), 0},
        {RANGE(5 * GIB + 256 * MIB, 6 * GIB), 1},
    };
    static const unsigned orders[] = {0, 3, FRAME_ORDER_BLOCK, 12};
    arena_create(&arena, memory, 2, false);
    assert_int_equal(make(ranges, 4), 2);
    frame_cache_set_search(&arena.cache, nodes[1].search);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t run_bytes = PAGE_SIZE << orders[i];
        uint64_t high = 768 * MIB / run_bytes, low = 512 * MIB / run_bytes;
        uint64_t *taken = calloc(high + low + 1, sizeof(*taken));
        for (uint64_t k = 0; k <= high + low; k++) {
            taken[k] = frame_alloc(&arena.cache, orders[i]).value;
            bool near = has(&nodes[1], taken[k]);
            /* A refill stores what is near first, so of the last one the far runs come before the near. */
            if (k + 128 < high + low)
                assert_true(near);
            if (k + 128 < high)
                assert_true(taken[k] > 4 * GIB);
        }
        assert_int_equal(frames_free_in(&arena.frames, PRANGE(512 * MIB, GIB)), 0);
        assert_int_equal(frames_free_in(&arena.frames, PRANGE(5 * GIB + 256 * MIB, 6 * GIB)), 0);
        for (uint64_t k = 0; k <= high + low; k++)
            frame_free(&arena.cache, PADDR(taken[k]), orders[i]);
        frame_cache_flush(&arena.cache);
        assert_int_equal(frames_audit(&arena.frames), STATUS_OK);
        free(taken);
    }
    arena_destroy(&arena);
}

/* 1 GiB that begins in one node and ends in the next is near nobody: who has one of his own gets that. */
static void runs_do_not_cross_nodes(void **state)
{
    (void)state;
    static const struct prange memory[] = {RANGE(4 * GIB, 7 * GIB)};
    static const struct node_range ranges[] = {
        {RANGE(4 * GIB, 4 * GIB + 512 * MIB), 0}, {RANGE(4 * GIB + 512 * MIB, 7 * GIB), 1}};
    arena_create(&arena, memory, 1, false);
    assert_int_equal(make(ranges, 2), 2);
    assert_int_equal(frames_take_in(&arena.frames, nodes[1].search, 18, FRAMES_NO_LIMIT).value, 5 * GIB);
    assert_int_equal(frames_take_in(&arena.frames, nodes[0].search, 18, FRAMES_NO_LIMIT).value, 4 * GIB);
    assert_int_equal(frames_take_in(&arena.frames, nodes[0].search, 18, FRAMES_NO_LIMIT).value, 6 * GIB);
    arena_destroy(&arena);
}

/* SRAT is input: everything twice, everything everybody's, more nodes and more pieces than there is room for. */
static void nonsense_is_survived(void **state)
{
    (void)state;
    static const struct prange memory[] = {RANGE(MIB, GIB), RANGE(4 * GIB, 20 * GIB)};
    enum { RANGES = 128 };
    struct node_range ranges[RANGES];
    arena_create(&arena, memory, 2, false);
    assert_int_equal(make(ranges, 0), 0);
    for (uint32_t i = 0; i < RANGES; i++)
        ranges[i] = (struct node_range){PRANGE(0, UINT64_MAX), i};
    assert_int_equal(make(ranges, RANGES), NODES_MAX);
    assert_int_equal(nodes[NODES_MAX - 1].span_count, 2);
    for (uint32_t i = 0; i < RANGES; i++)
        ranges[i] = (struct node_range){PRANGE(4 * GIB + i * SECTION_BYTES, 4 * GIB + (i + 1) * SECTION_BYTES), i % 2};
    assert_int_equal(make(ranges, RANGES), 2);
    assert_int_equal(nodes[0].span_count, NODE_SPANS_MAX);
    /* What did not fit is near nobody, and still there for all. */
    frame_cache_set_search(&arena.cache, nodes[0].search);
    uint64_t total = frames_free_count(&arena.frames), taken = 0;
    while (frame_alloc(&arena.cache, FRAME_ORDER_BLOCK).value != 0)
        taken += BLOCK_FRAMES;
    assert_int_equal(taken, align_down(total, BLOCK_FRAMES));
    arena_destroy(&arena);
}

/* The first block of a span, by way of all levels, against a list of the few blocks that are free. */
static void spans_are_searched_from_their_start(void **state)
{
    (void)state;
    enum { FREE = 24 };
    static const struct prange memory[] = {RANGE(4 * GIB, 4 * GIB + TIB)};
    uint64_t free_blocks[FREE];
    arena_create(&arena, memory, 1, false);
    random_state = 0x9E3779B97F4A7C15;
    uint64_t count = arena.sections.count;
    for (uint64_t i = 0; i < TIB / GIB; i++)
        assert_int_not_equal(frames_take(&arena.frames, FRAME_ORDER_MAX, FRAMES_NO_LIMIT).value, 0);
    for (unsigned i = 0; i < FREE; i++) {
        free_blocks[i] = 4 * GIB + random_below(count / FREE) * SECTION_BYTES + i * (count / FREE) * SECTION_BYTES;
        frames_give(&arena.frames, PADDR(free_blocks[i]), FRAME_ORDER_BLOCK);
    }
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t first = (uint32_t)random_below(count);
        struct frame_span search[2] = {{first, first + 1 + (uint32_t)random_below(count - first)}, {0, 0}};
        struct prange span = node_span(&arena.sections, search[0]);
        unsigned expected = 0;
        while (expected < FREE && free_blocks[expected] < span.start.value)
            expected++;
        bool is_one = expected < FREE && free_blocks[expected] < span.end.value;
        struct paddr got = frames_take_in(&arena.frames, search, FRAME_ORDER_BLOCK, FRAMES_NO_LIMIT);
        assert_int_equal(got.value, is_one ? free_blocks[expected] : 0);
        if (is_one)
            frames_give(&arena.frames, got, FRAME_ORDER_BLOCK);
    }
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_follow_the_memory),
        cmocka_unit_test(a_section_of_two_is_near_both),
        cmocka_unit_test(near_memory_goes_first),
        cmocka_unit_test(runs_do_not_cross_nodes),
        cmocka_unit_test(nonsense_is_survived),
        cmocka_unit_test(spans_are_searched_from_their_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
