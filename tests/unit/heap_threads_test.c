/*
 * The heap on real threads, under ThreadSanitizer: objects of many sizes are taken, filled, exchanged and given back by
 * threads with magazines of their own, in so little memory that it runs out again and again, while another thread
 * counts. As the kernel has it: without red zones and poison.
 *
 * Objects are written without any atomic: two owners of one show as a wrong byte, and an object that passes from one
 * CPU's magazine to another's without the order that the class's lock gives, as a data race.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "mm/heap.h"
#include "tests/unit/random.h"

#define THREADS   4u
#define STEPS     60000u
#define HELD      512u
#define MAILBOXES 32u
#define MEMORY    (4 * MIB)
#define START     (16 * MIB)

struct object {
    size_t size_bytes;
    unsigned char fill[];
};

static struct memory_region region = {.range = {{START}, {START + MEMORY}}};
static struct section_table sections;
static struct frames frames;
static struct heap heap;
static struct {
    struct frame_cache frames;
    struct heap_cache heap;
    unsigned failures;
} cpus[THREADS];
static struct object *mailboxes[MAILBOXES]; /* on their way to whoever looks first */
static bool done;

static struct object *take(struct heap_cache *cache)
{
    unsigned how = (unsigned)random_below(64);
    size_t size_bytes = sizeof(struct object) + random_below(how == 0 ? 60000 : how < 16 ? 4000 : 300);
    struct object *object = heap_alloc(cache, size_bytes);
    if (object != NULL) {
        memset(object->fill, (int)(size_bytes % 251), size_bytes - sizeof(*object));
        object->size_bytes = size_bytes;
    }
    return object;
}

static void give(struct heap_cache *cache, struct object *object)
{
    size_t size_bytes = object->size_bytes;
    for (size_t i = 0; i < size_bytes - sizeof(*object); i++)
        CHECK(object->fill[i] == size_bytes % 251);
    memset(object, 0, size_bytes);
    heap_free(cache, object, size_bytes);
}

static void *work(void *argument)
{
    size_t number = (size_t)argument;
    struct heap_cache *cache = &cpus[number].heap;
    random_state = 88172645463325252u + number;
    struct object *held[HELD] = {NULL};
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned place = (unsigned)random_below(HELD);
        if (held[place] == NULL) {
            held[place] = take(cache);
            cpus[number].failures += held[place] == NULL;
        } else if (random_below(8) == 0) {
            held[place] = __atomic_exchange_n(&mailboxes[random_below(MAILBOXES)], held[place], __ATOMIC_ACQ_REL);
        } else {
            give(cache, held[place]);
            held[place] = NULL;
        }
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i] != NULL)
            give(cache, held[i]);
    return NULL;
}

/* Single counts are old when they are read, but never is more than there is. */
static void *count(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
        struct heap_stats stats;
        heap_get_stats(&heap, &stats);
        CHECK(stats.pages <= MEMORY / PAGE_SIZE);
        CHECK(stats.cached <= THREADS * HEAP_CLASS_COUNT * HEAP_MAGAZINE);
    }
    return NULL;
}

static void start(void)
{
    struct memmap map = {.regions = &region, .count = 1};
    section_measure(&sections, &map);
    section_build(&sections, &map, malloc(section_table_bytes(&sections)));
    frames_init(&frames, &sections, aligned_alloc(64, frames_metadata_bytes(sections.count)));
    frames_add(&frames, region.range);
    void *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    heap_init(&heap, (uint64_t)(uintptr_t)memory - START);
    for (unsigned i = 0; i < THREADS; i++) {
        frame_cache_init(&cpus[i].frames, &frames);
        heap_cache_init(&cpus[i].heap, &heap, &cpus[i].frames);
    }
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS], counter;
    start();
    assert_int_equal(pthread_create(&counter, NULL, count, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    unsigned failures = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        failures += cpus[i].failures;
    }
    __atomic_store_n(&done, true, __ATOMIC_RELAXED);
    pthread_join(counter, NULL);

    unsigned mail = 0;
    for (unsigned i = 0; i < MAILBOXES; i++)
        mail += mailboxes[i] != NULL;
    struct heap_stats stats;
    heap_get_stats(&heap, &stats);
    assert_int_equal(stats.objects, mail);
    assert_int_equal(stats.pages, frames_used_count(&frames));
    assert_int_not_equal(failures, 0); /* memory did run out */

    for (unsigned i = 0; i < MAILBOXES; i++)
        if (mailboxes[i] != NULL)
            give(&cpus[0].heap, mailboxes[i]);
    for (unsigned i = 0; i < THREADS; i++)
        heap_cache_flush(&cpus[i].heap);
    heap_get_stats(&heap, &stats);
    assert_int_equal(stats.objects, 0);
    assert_int_equal(stats.cached, 0);
    assert_true(stats.pages <= 2 * HEAP_CLASS_COUNT);
    assert_int_equal(stats.pages, frames_used_count(&frames));
    for (unsigned i = 0; i < THREADS; i++)
        frame_cache_flush(&cpus[i].frames);
    assert_int_equal(frames_audit(&frames), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
