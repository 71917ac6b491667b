/*
 * mm/frames.c, frame_cache.c, frame_index.c, frames_audit.c: contrived machines, then a model, then what is caught.
 *
 * The model is a byte a frame: whose the frame is. It knows nothing of blocks, rows or caches.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/base/bits.h"
#include "tests/unit/arena.h"
#include "tests/unit/random.h"

static struct arena arena;

static void machine(const struct prange *ranges, unsigned count)
{
    arena_create(&arena, ranges, count, false);
    random_state = 0x9E3779B97F4A7C15;
}
#define MACHINE(...)                                                        \
    do {                                                                    \
        static const struct prange ranges[] = {__VA_ARGS__};                \
        machine(ranges, sizeof(ranges) / sizeof(ranges[0]));                \
    } while (0)
#define RANGE(start_address, end_address) {{start_address}, {end_address}}

static void assert_sound(void)
{
    assert_int_equal(frames_audit(&arena.frames), STATUS_OK);
}

/* Frames go out one by one until none is left; each is RAM of ours, none twice; then all come back as whole blocks. */
static void test_drain(void **state)
{
    (void)state;
    MACHINE(RANGE(0x103000, 0x5FF000), RANGE(0x700000, 0x1200000), RANGE(5 * GIB + 0x1000, 5 * GIB + 0x801000));
    uint64_t total = frames_free_count(&arena.frames);
    assert_int_equal(total, 0x4FC + 0xB00 + 0x800);
    uint64_t *taken = calloc(total, sizeof(*taken));
    for (uint64_t i = 0; i < total; i++) {
        taken[i] = frame_alloc(&arena.cache, 0).value;
        assert_int_not_equal(taken[i], 0);
        assert_true(i >= 0x800 || taken[i] > 4 * GIB); /* low memory last */
        assert_int_equal(frames_free_count(&arena.frames), total - i - 1);
        assert_int_equal(frames_used_count(&arena.frames), i + 1);
    }
    assert_int_equal(frame_alloc(&arena.cache, 0).value, 0);
    assert_int_equal(frame_alloc(&arena.cache, 3).value, 0);
    assert_sound();
    for (uint64_t i = 0; i < total; i++)
        frame_free(&arena.cache, PADDR(taken[i]), 0);
    frame_cache_flush(&arena.cache);
    assert_sound();
    struct frames_stats stats;
    frames_get_stats(&arena.frames, &stats);
    assert_int_equal(stats.free, total);
    assert_int_equal(stats.used, 0);
    assert_int_equal(stats.whole_blocks, 1 + 5 + 3); /* 0x400000 is not: 0x5FF000; 5 GiB + 2, 4, 6 MiB are */
    assert_int_equal(frames_free_in(&arena.frames, PRANGE(0, 4 * GIB)), 0x4FC + 0xB00);
    free(taken);
    arena_destroy(&arena);
}

/* Every order comes aligned, from inside the machine, and goes back to make the machine whole again. */
static void test_all_orders(void **state)
{
    (void)state;
    MACHINE(RANGE(MIB, 3 * GIB), RANGE(4 * GIB, 7 * GIB));
    uint64_t total = frames_free_count(&arena.frames);
    for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++) {
        struct paddr a = frame_alloc(&arena.cache, order);
        struct paddr b = frame_alloc_below(&arena.cache, order, 4 * GIB);
        assert_true(a.value >= 4 * GIB);
        assert_true(b.value != 0 && b.value + (PAGE_SIZE << order) <= 4 * GIB);
        assert_int_equal((a.value | b.value) & ((PAGE_SIZE << order) - 1), 0);
        assert_int_equal(frames_used_count(&arena.frames), (uint64_t)2 << order);
        assert_false(frames_is_free(&arena.frames, a));
        assert_sound();
        frame_free(&arena.cache, a, order);
        frame_free(&arena.cache, b, order);
        assert_int_equal(frames_free_count(&arena.frames), total);
    }
    frame_cache_flush(&arena.cache);
    assert_sound();
    for (unsigned i = 0; i < 5; i++) /* 1 and 2 GiB, 4 to 6 GiB; at 0 the first MiB is missing */
        assert_int_not_equal(frame_alloc(&arena.cache, FRAME_ORDER_MAX).value, 0);
    assert_int_equal(frame_alloc(&arena.cache, FRAME_ORDER_MAX).value, 0);
    arena_destroy(&arena);
}

/* A hole between sections: slots are neighbours, addresses are not, so no run may cross. */
static void test_no_run_across_a_hole(void **state)
{
    (void)state;
    MACHINE(RANGE(4 * GIB, 4 * GIB + SECTION_BYTES), RANGE(6 * GIB + SECTION_BYTES, 6 * GIB + 2 * SECTION_BYTES));
    assert_int_equal(frame_alloc(&arena.cache, 16).value, 0);
    assert_int_equal(frame_alloc(&arena.cache, 15).value, 4 * GIB);
    assert_int_equal(frame_alloc(&arena.cache, 15).value, 6 * GIB + SECTION_BYTES);
    assert_int_equal(frame_alloc(&arena.cache, 0).value, 0);
    assert_false(frames_is_free(&arena.frames, PADDR(5 * GIB)));
    assert_int_equal(frames_free_in(&arena.frames, PRANGE(4 * GIB, 7 * GIB)), 0);
    arena_destroy(&arena);
}

static void test_below(void **state)
{
    (void)state;
    MACHINE(RANGE(0x101000, 0x1000000), RANGE(5 * GIB, 5 * GIB + 0x400000));
    assert_int_equal(frame_alloc_below(&arena.cache, 0, 0x102000).value, 0x101000);
    assert_int_equal(frame_alloc_below(&arena.cache, 0, 0x102000).value, 0);
    assert_int_equal(frame_alloc_below(&arena.cache, 0, 0).value, 0);
    assert_int_equal(frame_alloc_below(&arena.cache, 9, 0x3FFFFF).value, 0);
    assert_int_equal(frame_alloc_below(&arena.cache, 9, 0x400000).value, 0x200000);
    assert_int_equal(frame_alloc_below(&arena.cache, 10, 0x800000).value, 0x400000);
    assert_int_equal(frame_alloc_below(&arena.cache, 2, 5 * GIB + 0x1000).value, 0x104000);
    assert_int_equal(frame_alloc_below(&arena.cache, 2, 5 * GIB + 0x4000).value, 5 * GIB);
    assert_sound();
    arena_destroy(&arena);
}

/* A run may come back in aligned pieces, and one frame of it at a time. */
static void test_pieces(void **state)
{
    (void)state;
    MACHINE(RANGE(MIB, 16 * MIB));
    struct paddr run = frame_alloc(&arena.cache, 8);
    frame_free(&arena.cache, paddr_add(run, 0x80000), 7);
    frame_free(&arena.cache, paddr_add(run, 0x40000), 6);
    for (unsigned i = 0; i < 64; i++)
        frame_free(&arena.cache, paddr_add(run, i * PAGE_SIZE), 0);
    assert_int_equal(frames_used_count(&arena.frames), 0);
    frame_cache_flush(&arena.cache);
    assert_sound();
    arena_destroy(&arena);
}

/* All frames of a block in one list, rising, falling, shuffled; and its halves: neighbours, but no whole block. */
static void test_many(void **state)
{
    (void)state;
    enum { FRAMES = 512 };
    static uint64_t frames[FRAMES];
    MACHINE(RANGE(4 * GIB, 4 * GIB + 2 * SECTION_BYTES));
    for (unsigned round = 0; round < 4; round++) {
        uint64_t start = frames_take(&arena.frames, 8, FRAMES_NO_LIMIT).value;
        assert_int_equal(frames_take(&arena.frames, 8, FRAMES_NO_LIMIT).value, start + MIB);
        for (unsigned i = 0; i < FRAMES; i++)
            frames[i] = start + (round == 1 ? FRAMES - 1 - i : i) * PAGE_SIZE;
        for (unsigned i = FRAMES; round == 2 && i > 1; i--) {
            unsigned other = (unsigned)random_below(i);
            uint64_t frame = frames[other];
            frames[other] = frames[i - 1];
            frames[i - 1] = frame;
        }
        if (round < 3)
            frames_give_many(&arena.frames, 0, frames, FRAMES);
        else
            frames_give_many(&arena.frames, 8, (uint64_t[]){start + MIB, start}, 2);
        assert_sound();
        struct frames_stats stats;
        frames_get_stats(&arena.frames, &stats);
        assert_int_equal(stats.whole_blocks, 128);
    }
    arena_destroy(&arena);
}

/* The scarcer memory is, the less a cache takes of it. */
static void test_scarce(void **state)
{
    (void)state;
    MACHINE(RANGE(4 * GIB, 4 * GIB + SECTION_BYTES));
    assert_int_equal(frame_alloc(&arena.cache, 9).value, 4 * GIB);
    assert_int_equal(frame_caches_total(&arena.frames), 512); /* of 64 blocks one was given, one more came along */
    assert_int_not_equal(frame_alloc_below(&arena.cache, 14, FRAMES_NO_LIMIT).value, 0);
    frame_cache_flush(&arena.cache);
    assert_int_not_equal(frame_alloc(&arena.cache, 9).value, 0);
    assert_int_equal(frame_caches_total(&arena.frames), 0);
    assert_sound();
    arena_destroy(&arena);
}

/* ---- Random operations against the model ---- */

#define HELD_MAX 4096u
struct held {
    uint64_t address;
    unsigned order;
};
static struct held held[HELD_MAX];
static unsigned held_count;
static uint8_t *model; /* a byte for each frame of the address space: 0 not ours, 1 free, 2 handed out */

static void model_move(uint64_t address, unsigned order, uint8_t from, uint8_t to)
{
    for (uint64_t i = 0; i < (uint64_t)1 << order; i++) {
        assert_int_equal(model[(address >> PAGE_SHIFT) + i], from);
        model[(address >> PAGE_SHIFT) + i] = to;
    }
}

static void random_step(unsigned order_max)
{
    if (held_count < HELD_MAX && random_below(100) < 52) {
        unsigned order = (unsigned)random_below(order_max + 1);
        uint64_t limit = random_below(8) == 0 ? random_below(8 * GIB) : FRAMES_NO_LIMIT;
        struct paddr got = limit == FRAMES_NO_LIMIT ? frame_alloc(&arena.cache, order)
                                                    : frame_alloc_below(&arena.cache, order, limit);
        if (got.value == 0)
            return;
        assert_true(got.value + (PAGE_SIZE << order) <= limit);
        assert_int_equal(got.value & ((PAGE_SIZE << order) - 1), 0);
        model_move(got.value, order, 1, 2);
        held[held_count++] = (struct held){got.value, order};
    } else if (held_count > 0) {
        unsigned i = (unsigned)random_below(held_count);
        model_move(held[i].address, held[i].order, 2, 1);
        frame_free(&arena.cache, PADDR(held[i].address), held[i].order);
        held[i] = held[--held_count];
    }
}

static uint64_t model_count(uint64_t frames, uint8_t value)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < frames; i++)
        count += model[i] == value;
    return count;
}

static void random_run(unsigned order_max, unsigned steps)
{
    static const struct prange ranges[] = {
        RANGE(0x105000, 0x1F0A000), RANGE(0x2000000, 0x8000000), RANGE(0x10000000, 0x10400000),
        RANGE(4 * GIB, 4 * GIB + 0x3001000), RANGE(7 * GIB - 0x2000000, 7 * GIB + 0x2000000),
    };
    uint64_t space = 8 * GIB >> PAGE_SHIFT;
    machine(ranges, 5);
    random_state += order_max;
    model = calloc(space, 1);
    for (unsigned i = 0; i < 5; i++)
        memset(model + (ranges[i].start.value >> PAGE_SHIFT), 1, prange_pages(ranges[i]));
    held_count = 0;
    for (unsigned i = 0; i < steps; i++) {
        random_step(order_max);
        if (i % (steps / 8) == 0) {
            assert_sound();
            assert_int_equal(frames_free_count(&arena.frames), model_count(space, 1));
            assert_int_equal(frames_used_count(&arena.frames), model_count(space, 2));
        }
    }
    frame_cache_flush(&arena.cache);
    for (uint64_t i = 0; i < space; i++)
        if (model[i] != 0)
            assert_int_equal(frames_is_free(&arena.frames, PADDR(i << PAGE_SHIFT)), model[i] == 1);
    while (held_count > 0) {
        held_count--;
        frame_free(&arena.cache, PADDR(held[held_count].address), held[held_count].order);
    }
    frame_cache_flush(&arena.cache);
    assert_sound();
    assert_int_equal(frames_used_count(&arena.frames), 0);
    free(model);
    arena_destroy(&arena);
}

static void test_random(void **state)
{
    (void)state;
    random_run(0, 40000);
    random_run(3, 40000);
    random_run(9, 20000);
    random_run(14, 4000);
}

/* ---- Many CPUs ---- */

#define THREADS 4u
static struct frame_cache caches[THREADS];

static void *thread_main(void *argument)
{
    struct frame_cache *cache = argument;
    uint64_t state = 88172645463325252u + (uint64_t)(cache - caches);
    static _Thread_local struct held mine[512];
    unsigned count = 0;
    for (unsigned i = 0; i < 60000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        unsigned order = (unsigned)(state >> 40) % 100 < 70 ? 0 : (unsigned)(state >> 33) % 10;
        if (count < 512 && (state >> 60) < 9) {
            mine[count] = (struct held){frame_alloc(cache, order).value, order};
            count += mine[count].address != 0;
        } else if (count > 0) {
            count--;
            frame_free(cache, PADDR(mine[count].address), mine[count].order);
        }
    }
    while (count-- > 0)
        frame_free(cache, PADDR(mine[count].address), mine[count].order);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    MACHINE(RANGE(MIB, 256 * MIB), RANGE(4 * GIB, 4 * GIB + 256 * MIB));
    uint64_t total = frames_free_count(&arena.frames);
    for (unsigned i = 0; i < THREADS; i++)
        frame_cache_init(&caches[i], &arena.frames);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &caches[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_sound();
    assert_int_equal(frames_used_count(&arena.frames), 0);
    assert_int_equal(frames_free_count(&arena.frames), total);
    arena_destroy(&arena);
}

/* ---- What is caught ---- */

static void test_double_free(void **state)
{
    (void)state;
    static const unsigned orders[] = {0, 2, 6, 8, 9, 12, 16};
    for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        MACHINE(RANGE(MIB, GIB));
        struct paddr run = frame_alloc(&arena.cache, orders[i]);
        struct paddr other = frame_alloc(&arena.cache, orders[i]);
        frame_free(&arena.cache, run, orders[i]);
        frame_cache_flush(&arena.cache);
        expect_assert_failure(frame_free(&arena.cache, run, orders[i]); frame_cache_flush(&arena.cache));
        (void)other;
        arena_destroy(&arena);
    }
    /* While it still lies in the cache, before anybody could be given it twice. */
    MACHINE(RANGE(MIB, GIB));
    struct paddr frame = frame_alloc(&arena.cache, 0);
    frame_free(&arena.cache, frame, 0);
    expect_assert_failure(frame_free(&arena.cache, frame, 0));
    arena_destroy(&arena);
}

static void test_bad_free(void **state)
{
    (void)state;
    MACHINE(RANGE(MIB, 64 * MIB));
    expect_assert_failure(frame_free(&arena.cache, PADDR(0x201000), 1));      /* not aligned */
    expect_assert_failure(frame_free(&arena.cache, PADDR(0x80000), 1));       /* low memory */
    expect_assert_failure(frame_free(&arena.cache, PADDR(0x200000), 19));     /* no such order */
    expect_assert_failure(frame_free(&arena.cache, PADDR(0), 0));             /* of an allocation that failed */
    expect_assert_failure(frames_give(&arena.frames, PADDR(0x200000), 0));    /* nothing is handed out */
    arena_destroy(&arena);
    MACHINE(RANGE(MIB, 64 * MIB));
    struct paddr frame = frame_alloc(&arena.cache, 0);
    assert_int_not_equal(frame.value, 0);
    expect_assert_failure(frames_give(&arena.frames, PADDR(0x800000), 0)); /* of a block that nobody split */
    arena_destroy(&arena);
    MACHINE(RANGE(MIB, 64 * MIB));
    expect_assert_failure(frames_add(&arena.frames, PRANGE(0x300000, 0x301000))); /* free already */
    arena_destroy(&arena);
    MACHINE(RANGE(MIB, 64 * MIB));
    expect_assert_failure(frames_add(&arena.frames, PRANGE(0xFF000, 0x100000))); /* low memory */
    arena_destroy(&arena);
}

/* Every single bit of a split block's row is guarded: by the audit at once, by a CHECK when the block is emptied. */
static void test_flipped_bit(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit += 7) {
        MACHINE(RANGE(4 * MIB, 8 * MIB));
        assert_int_equal(frames_take(&arena.frames, 0, FRAMES_NO_LIMIT).value, 4 * MIB);
        assert_sound();
        arena.frames.rows[2 * 8 + bit / 8] ^= BIT(bit); /* 4 MiB is block 2 */
        assert_int_equal(frames_audit(&arena.frames), STATUS_INVALID);
        expect_assert_failure(for (int i = 0; i < 1024; i++) frame_alloc(&arena.cache, 0));
        arena_destroy(&arena);
    }
}

static void test_audit_sees_every_equation(void **state)
{
    (void)state;
    MACHINE(RANGE(4 * MIB, 256 * MIB), RANGE(4 * GIB, 4 * GIB + 256 * MIB));
    struct frames *f = &arena.frames;
    assert_int_equal(frames_take(f, 0, FRAMES_NO_LIMIT).value, 4 * GIB);
    assert_sound();
    uint64_t *words[] = {
        &f->split[2], &f->bits[2].order[0], &f->bits[2].order[8], &f->bits[3].order[9], &f->low[9],
        f->level[0][2], f->level[3][2] + 1, f->level[9][1], f->level[5][0], &f->free, &f->added, &f->handed_out,
        (uint64_t *)&f->blocks[2 * 64], f->rows + 2 * 64 * 8,
    };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        *words[i] ^= 1;
        assert_int_equal(frames_audit(f), STATUS_INVALID);
        *words[i] ^= 1;
    }
    assert_sound();
    arena_destroy(&arena);
}

/* A frame freed twice with another in between, and one that is free already, while both still lie in the cache. */
static void test_audit_sees_caches(void **state)
{
    (void)state;
    for (unsigned order = 0; order < FRAME_ORDERS; order++) {
        MACHINE(RANGE(4 * GIB, 4 * GIB + 256 * MIB));
        struct paddr run = frames_take(&arena.frames, order, FRAMES_NO_LIMIT);
        struct paddr other = frames_take(&arena.frames, order, FRAMES_NO_LIMIT);
        (void)frames_take(&arena.frames, order, FRAMES_NO_LIMIT);
        frame_free(&arena.cache, run, order);
        frame_free(&arena.cache, other, order);
        assert_sound();
        frame_free(&arena.cache, run, order);
        assert_int_equal(frames_audit(&arena.frames), STATUS_INVALID);
        arena_destroy(&arena);

        MACHINE(RANGE(4 * GIB, 4 * GIB + 256 * MIB));
        run = frames_take(&arena.frames, order, FRAMES_NO_LIMIT);
        other = frames_take(&arena.frames, order, FRAMES_NO_LIMIT);
        frames_give(&arena.frames, run, order);
        assert_sound();
        frame_free(&arena.cache, run, order);
        assert_int_equal(frames_audit(&arena.frames), STATUS_INVALID);
        arena_destroy(&arena);
    }
}

/* What the design promises of the metadata, and that a large machine starts without touching its rows. */
static void test_start(void **state)
{
    (void)state;
    assert_true(frames_metadata_bytes(8 * 1024) <= 1024 * 36 * KIB);
    MACHINE(RANGE(MIB, 2 * GIB), RANGE(4 * GIB, 1024 * GIB));
    assert_int_equal(frames_free_count(&arena.frames), (1022 * GIB - MIB) >> PAGE_SHIFT);
    assert_int_equal(arena.frames.rows[64 * 8 * 20], 0xA5A5A5A5A5A5A5A5);
    assert_int_equal(frame_alloc(&arena.cache, 0).value, 4 * GIB);
    assert_int_equal(frame_alloc(&arena.cache, 18).value, 5 * GIB);
    assert_sound();
    arena_destroy(&arena);
}

/* Memory in which a tenth of all frames is exchanged again and again still gives nearly all of its blocks back. */
static void test_recovery(void **state)
{
    (void)state;
    enum { FRAMES = 64 * 512 * 9 / 10 };
    static uint64_t frames[FRAMES];
    MACHINE(RANGE(4 * GIB, 4 * GIB + 128 * MIB));
    for (unsigned i = 0; i < FRAMES; i++)
        frames[i] = frame_alloc(&arena.cache, 0).value;
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < FRAMES / 10; i++) {
            unsigned at = (unsigned)random_below(FRAMES - i);
            uint64_t frame = frames[at];
            frames[at] = frames[FRAMES - 1 - i];
            frames[FRAMES - 1 - i] = frame;
            frame_free(&arena.cache, PADDR(frame), 0);
        }
        for (unsigned i = FRAMES - FRAMES / 10; i < FRAMES; i++)
            frames[i] = frame_alloc(&arena.cache, 0).value;
    }
    struct frames_stats stats;
    frames_get_stats(&arena.frames, &stats);
    assert_true(stats.whole_blocks >= 5); /* of the 6.4 that are free */
    assert_sound();
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_all_orders),
        cmocka_unit_test(test_no_run_across_a_hole),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_scarce),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_double_free),
        cmocka_unit_test(test_bad_free),
        cmocka_unit_test(test_flipped_bit),
        cmocka_unit_test(test_audit_sees_every_equation),
        cmocka_unit_test(test_audit_sees_caches),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
