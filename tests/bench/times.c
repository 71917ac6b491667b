/*
 * Times, which depend on the machine and on who else is on it: medians, or the least of many rounds, of subject and
 * anchor by turns. Only the ratios are worth a look, and nothing is gated on them.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "mm/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/subject.h"

#define ROUNDS        9u
#define PAGES_MEMORY  (512 * GIB) /* whose page array is 128 MiB: more than any cache */
#define HOLD          256u        /* frames that a thread takes before it gives them back: four refills */
#define TURNS         2000u
#define THREAD_ROUNDS 60u /* short ones, so that some of them are left alone by others */

static uint64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static uint64_t median(uint64_t values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(values[0]), compare);
    return values[ROUNDS / 2];
}

static void report(const char *name, const char *subject, double value)
{
    printf("%s %s %.2f\n", name, subject, value);
}

/* ---- Start-up of 1 TiB, and bytes of metadata ---- */

static void start(void)
{
    uint64_t times[ROUNDS];
    report("metadata", "keel", (double)subject_keel.reserve(TIB) / 1024 / KIB);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t begin = nanoseconds();
        subject_keel.start();
        times[i] = nanoseconds() - begin;
    }
    report("start-1-tib-us", "keel", (double)median(times) / 1000);
    subject_keel.destroy();
    report("metadata", "buddy", (double)subject_buddy.reserve(GIB) / KIB);
    subject_buddy.destroy();
}

/* ---- The page array against rep stosb over the same bytes, by one thread and by two ---- */

static struct page_array array;

static struct part {
    void *start;
    uint64_t size_bytes;
} parts[2];

static void *rep_stosb(void *argument)
{
    const struct part *part = argument;
    void *start_address = part->start;
    uint64_t size_bytes = part->size_bytes;
    __asm__ volatile("rep stosb" : "+D"(start_address), "+c"(size_bytes) : "a"(0) : "memory");
    return NULL;
}

static void *describe(void *unused)
{
    (void)unused;
    page_array_describe(&array);
    return NULL;
}

static uint64_t time_of(unsigned thread_count, void *(*function)(void *))
{
    pthread_t other;
    uint64_t begin = nanoseconds();
    if (thread_count == 2)
        pthread_create(&other, NULL, function, &parts[1]);
    (void)function(&parts[0]);
    if (thread_count == 2)
        pthread_join(other, NULL);
    return nanoseconds() - begin;
}

/* The median time of ours through that of rep stosb. `memory` is the end of what `map` has. */
static double ratio(unsigned thread_count, struct memmap *map, const struct section_table *sections, void *tables,
                    uint8_t *memory, uint64_t bytes)
{
    uint64_t window = (uint64_t)(uintptr_t)memory - (map->regions[0].range.end.value - bytes);
    uint64_t ours[ROUNDS], anchor[ROUNDS];
    for (unsigned i = 0; i < thread_count; i++)
        parts[i] = (struct part){memory + i * (bytes / thread_count), bytes / thread_count};
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct early early;
        map->regions[0].early_pages = 0;
        early_init(&early, map);
        if (page_array_init(&array, sections, map, &early, window, tables) != STATUS_OK)
            abort();
        ours[i] = time_of(thread_count, describe);
        anchor[i] = time_of(thread_count, rep_stosb);
    }
    return (double)median(ours) / (double)median(anchor);
}

static void page_array(void)
{
    struct memory_region region = {.range = PRANGE(SUBJECT_BASE, SUBJECT_BASE + PAGES_MEMORY)};
    struct memmap map = {.regions = &region, .count = 1};
    struct section_table sections;
    section_measure(&sections, &map);
    section_build(&sections, &map, malloc(section_table_bytes(&sections)));
    void *tables = malloc(page_array_table_bytes(sections.count));
    uint64_t bytes = PAGES_MEMORY / PAGE_SIZE * sizeof(struct page);
    /* Early memory comes from the region's end: only that is backed. */
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort();
    memset(memory, 0xA5, bytes);
    report("page-array-to-rep-stosb", "keel", ratio(1, &map, &sections, tables, memory, bytes));
    report("page-array-by-two", "keel", ratio(2, &map, &sections, tables, memory, bytes));
    munmap(memory, bytes);
    free(tables);
    free(sections.slot_of);
}

/* ---- Two threads against one ---- */

static struct frames *shared;
static struct frame_cache caches[2];
static pthread_barrier_t barrier;

struct span {
    uint64_t begin;
    uint64_t end;
};
static struct span spans[2];

static void *take_and_give(void *argument)
{
    struct frame_cache *cache = argument;
    struct span *span = &spans[cache - caches];
    struct paddr held[HOLD];
    pthread_barrier_wait(&barrier);
    span->begin = nanoseconds();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (unsigned i = 0; i < HOLD; i++)
            held[i] = frame_alloc(cache, 0);
        for (unsigned i = 0; i < HOLD; i++)
            frame_free(cache, held[i], 0);
    }
    span->end = nanoseconds();
    return NULL;
}

/* From the first start to the last end, in the fastest of the rounds. */
static uint64_t threads_time(unsigned thread_count)
{
    uint64_t least = UINT64_MAX;
    for (unsigned round = 0; round < THREAD_ROUNDS; round++) {
        pthread_t threads[2];
        struct span all = {UINT64_MAX, 0};
        pthread_barrier_init(&barrier, NULL, thread_count);
        for (unsigned i = 0; i < thread_count; i++)
            pthread_create(&threads[i], NULL, take_and_give, &caches[i]);
        for (unsigned i = 0; i < thread_count; i++) {
            pthread_join(threads[i], NULL);
            all.begin = min_u64(all.begin, spans[i].begin);
            all.end = max_u64(all.end, spans[i].end);
        }
        pthread_barrier_destroy(&barrier);
        least = min_u64(least, all.end - all.begin);
    }
    return least;
}

static void two_threads(void)
{
    subject_keel.reserve(GIB);
    subject_keel.start();
    shared = subject_keel.cache->frames;
    for (unsigned i = 0; i < 2; i++)
        frame_cache_init(&caches[i], shared);
    uint64_t one = threads_time(1);
    report("order-0-ns", "keel", (double)one / (2.0 * HOLD * TURNS));
    report("two-threads-to-one", "keel", (double)threads_time(2) / (double)one);
    subject_keel.destroy();
}

void bench_times(void)
{
    start();
    page_array();
    two_threads();
}
