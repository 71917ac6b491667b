/*
 * The frame allocator on real threads, under ThreadSanitizer: runs of many orders are taken, marked, exchanged and
 * given back by threads with a cache each, in so little memory that it runs out again and again, while another thread
 * counts.
 *
 * Who holds a run writes its number into a byte for each frame of it, without any atomic: two owners of a frame show as
 * a wrong mark, and a run that passes from one thread to another without the order that the allocator's lock gives, as
 * a data race.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mm/frames.h"
#include "tests/unit/random.h"

#define THREADS   4u
#define STEPS     60000u
#define HELD      64u
#define MAILBOXES 32u
#define ORDER_MAX 12u
#define RANGES    2u

static struct memory_region ranges[RANGES] = {
    {.range = {{3 * MIB}, {96 * MIB + 5 * PAGE_SIZE}}},
    {.range = {{4 * GIB - 32 * MIB}, {4 * GIB + 64 * MIB}}},
};
static struct section_table sections;
static struct frames frames;
static struct frame_cache caches[THREADS];
static uint8_t *owners[RANGES]; /* of each frame: 0, or 1 + the number of the thread that holds it */
static uint64_t mailboxes[MAILBOXES]; /* runs on their way to whoever looks first: address | order; 0: none */
static bool done;

static uint8_t *owners_of(uint64_t run, unsigned order)
{
    for (unsigned i = 0; i < RANGES; i++)
        if (run >= ranges[i].range.start.value && run + (PAGE_SIZE << order) <= ranges[i].range.end.value)
            return owners[i] + (run - ranges[i].range.start.value) / PAGE_SIZE;
    abort();
}

static void mark(uint64_t run, unsigned order, uint8_t from, uint8_t to)
{
    uint8_t *owner = owners_of(run, order);
    for (uint64_t i = 0; i < (uint64_t)1 << order; i++) {
        CHECK(owner[i] == from);
        owner[i] = to;
    }
}

static uint64_t take(struct frame_cache *cache)
{
    unsigned order = (unsigned)random_below(random_below(4) == 0 ? ORDER_MAX + 1 : 4);
    unsigned how = (unsigned)random_below(16);
    struct paddr run = how == 0   ? frame_alloc_below(cache, order, 4 * GIB)
                       : how == 1 ? frames_take(&frames, order, FRAMES_NO_LIMIT)
                                  : frame_alloc(cache, order);
    if (run.value == 0)
        return 0;
    mark(run.value, order, 0, (uint8_t)(cache - caches + 1));
    return run.value | order;
}

static void give(struct frame_cache *cache, uint64_t held)
{
    unsigned order = held & PAGE_MASK;
    uint64_t run = held - order;
    mark(run, order, (uint8_t)(cache - caches + 1), 0);
    if (random_below(16) == 0)
        frames_give(&frames, PADDR(run), order);
    else
        frame_free(cache, PADDR(run), order);
}

/* Leaves the run for others, and takes over what lay there. */
static uint64_t exchange(struct frame_cache *cache, uint64_t held)
{
    uint8_t me = (uint8_t)(cache - caches + 1);
    mark(held - (held & PAGE_MASK), held & PAGE_MASK, me, 0xFF);
    held = __atomic_exchange_n(&mailboxes[random_below(MAILBOXES)], held, __ATOMIC_ACQ_REL);
    if (held != 0)
        mark(held - (held & PAGE_MASK), held & PAGE_MASK, 0xFF, me);
    return held;
}

static void *work(void *argument)
{
    struct frame_cache *cache = argument;
    random_state = 88172645463325252u + (uint64_t)(cache - caches);
    uint64_t held[HELD] = {0};
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned place = (unsigned)random_below(HELD);
        if (held[place] == 0) {
            held[place] = take(cache);
        } else if (random_below(8) == 0) {
            held[place] = exchange(cache, held[place]);
        } else {
            give(cache, held[place]);
            held[place] = 0;
        }
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i] != 0)
            give(cache, held[i]);
    return NULL;
}

/* At every moment every frame is free or used, though single counts are old when they are read. */
static void *count(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
        struct frames_stats stats;
        frames_get_stats(&frames, &stats);
        CHECK(stats.free + stats.used == frames.added);
    }
    return NULL;
}

static void start(void)
{
    struct memmap map = {.regions = ranges, .count = RANGES};
    section_measure(&sections, &map);
    section_build(&sections, &map, malloc(section_table_bytes(&sections)));
    frames_init(&frames, &sections, aligned_alloc(64, frames_metadata_bytes(sections.count)));
    for (unsigned i = 0; i < RANGES; i++) {
        owners[i] = calloc(prange_pages(ranges[i].range), 1);
        frames_add(&frames, ranges[i].range);
    }
    for (unsigned i = 0; i < THREADS; i++)
        frame_cache_init(&caches[i], &frames);
}

static void give_mail(void)
{
    for (unsigned i = 0; i < MAILBOXES; i++)
        if (mailboxes[i] != 0)
            frames_give(&frames, PADDR(mailboxes[i] - (mailboxes[i] & PAGE_MASK)), mailboxes[i] & PAGE_MASK);
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS], counter;
    start();
    assert_int_equal(pthread_create(&counter, NULL, count, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &caches[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    __atomic_store_n(&done, true, __ATOMIC_RELAXED);
    pthread_join(counter, NULL);

    assert_int_equal(frames_audit(&frames), STATUS_OK);
    give_mail();
    for (unsigned i = 0; i < THREADS; i++)
        frame_cache_flush(&caches[i]);
    assert_int_equal(frames_audit(&frames), STATUS_OK);
    struct frames_stats stats;
    frames_get_stats(&frames, &stats);
    assert_int_equal(stats.used, 0);
    assert_int_equal(stats.free, prange_pages(ranges[0].range) + prange_pages(ranges[1].range));
    assert_int_equal(stats.whole_blocks, 46 + 48); /* 4 to 96 MiB, and 96 MiB around 4 GiB */
    assert_int_equal(stats.split_blocks, 2);       /* 3 MiB, and 5 frames at 96 MiB */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
