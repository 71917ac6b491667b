/*
 * mm/heap.c over an arena: alignment, overlap (every object is filled and read back), frames given back, bugs. Built
 * twice: with red zones and poison (heap_test), and as the kernel has it (heap_plain_test), where a wrong free is found
 * when the magazine is flushed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/heap.h"
#include "tests/unit/arena.h"
#include "tests/unit/random.h"

static struct arena arena;
static struct heap heap;
static struct heap_cache cache;
static struct heap_cache other_cache; /* as if of another CPU; they share the frame cache, for there is one thread */

static void start(void)
{
    static const struct prange ranges[] = {{{MIB}, {32 * MIB}}};
    arena_create(&arena, ranges, 1, true);
    heap_init(&heap, arena.window);
    heap_cache_init(&cache, &heap, &arena.cache);
    heap_cache_init(&other_cache, &heap, &arena.cache);
    random_state = 0x2545F4914F6CDD1D;
}

static struct heap_stats stats_now(void)
{
    struct heap_stats stats;
    heap_get_stats(&heap, &stats);
    return stats;
}

static void stop(void)
{
    assert_int_equal(stats_now().objects, 0);
    assert_int_equal(stats_now().pages, frames_used_count(&arena.frames));
    heap_cache_flush(&cache);
    heap_cache_flush(&other_cache);
    assert_int_equal(stats_now().objects, 0);
    assert_int_equal(stats_now().cached, 0);
    assert_true(stats_now().pages <= 2 * HEAP_CLASS_COUNT); /* at most one empty slab a class is kept */
    assert_int_equal(stats_now().pages, frames_used_count(&arena.frames));
    frame_cache_flush(&arena.cache);
    assert_int_equal(frames_audit(&arena.frames), STATUS_OK);
    arena_destroy(&arena);
}

/* Every size around every class, a few of each: the whole of each object is the caller's. */
static void test_sizes(void **state)
{
    (void)state;
    start();
    for (size_t size = 0; size <= 20000; size = size < 2100 ? size + 1 : size * 2) {
        unsigned char *objects[3];
        for (int i = 0; i < 3; i++) {
            objects[i] = heap_alloc(&cache, size);
            assert_non_null(objects[i]);
            assert_int_equal((uintptr_t)objects[i] & 15, 0);
            memset(objects[i], i + 1, size);
        }
        for (int i = 0; i < 3; i++) {
            for (size_t j = 0; j < size; j++)
                assert_int_equal(objects[i][j], i + 1);
            heap_free(&cache, objects[i], size);
        }
    }
    stop();
}

/* Small objects cost little more than their size; large ones the frames that hold them. */
static void test_density(void **state)
{
    (void)state;
    start();
    static void *objects[5040];
    for (unsigned i = 0; i < 5040; i++)
        objects[i] = heap_alloc(&cache, 16);
    assert_int_equal(stats_now().objects, 5040);
    assert_int_equal(stats_now().pages, HEAP_CHECKED ? 60 : 20); /* 168 or 504 in a slab of two */
    for (unsigned i = 0; i < 5040; i++)
        heap_free(&cache, objects[i], 16);
    heap_cache_flush(&cache);
    assert_int_equal(stats_now().pages, 2);
    void *large = heap_alloc(&cache, 60000);
    assert_int_equal(stats_now().pages, 2 + 16);
    assert_int_equal(stats_now().objects, 1);
    heap_free(&cache, large, 60000);
    stop();
}

/* Object after object from a magazine, into it and beyond: the heap counts what callers hold, not what lies there. */
static void test_magazine(void **state)
{
    (void)state;
    start();
    void *objects[2 * HEAP_MAGAZINE];
    for (unsigned i = 0; i < 2 * HEAP_MAGAZINE; i++) {
        objects[i] = heap_alloc(&cache, 64);
        assert_int_equal(stats_now().objects, i + 1);
        assert_true(stats_now().cached < HEAP_MAGAZINE);
    }
    for (unsigned i = 2 * HEAP_MAGAZINE; i-- > 0;) {
        heap_free(&other_cache, objects[i], 64);
        assert_int_equal(stats_now().objects, i);
        assert_true(stats_now().cached <= 2 * HEAP_MAGAZINE);
    }
    void *last = heap_alloc(&other_cache, 64);
    assert_ptr_equal(last, objects[0]); /* the last freed, while it is warm */
    heap_free(&other_cache, last, 64);
    stop();
}

struct object {
    unsigned char *bytes;
    size_t size;
    unsigned char fill;
};

/* Also freed on another CPU than allocated on. */
static void test_random(void **state)
{
    (void)state;
    start();
    static struct object objects[1500];
    for (unsigned i = 0; i < 60000; i++) {
        struct object *object = &objects[random_below(1500)];
        struct heap_cache *mine = random_below(2) == 0 ? &cache : &other_cache;
        if (object->bytes != NULL) {
            for (size_t j = 0; j < object->size; j += 1 + object->size / 16)
                assert_int_equal(object->bytes[j], object->fill);
            heap_free(mine, object->bytes, object->size);
            object->bytes = NULL;
        } else {
            object->size = 1 + random_below(random_below(10) == 0 ? 30000 : 700);
            object->fill = (unsigned char)i;
            object->bytes = heap_alloc(mine, object->size);
            assert_non_null(object->bytes);
            memset(object->bytes, object->fill, object->size);
        }
    }
    for (unsigned i = 0; i < 1500; i++)
        if (objects[i].bytes != NULL)
            heap_free(&cache, objects[i].bytes, objects[i].size);
    stop();
}

/* A list through the objects: each begins with a pointer to the one before. */
static void *fill_memory(size_t size, void *last)
{
    for (void *object; (object = heap_alloc(&cache, size)) != NULL; last = object)
        *(void **)object = last;
    return last;
}

static void free_list(void *last, size_t size)
{
    while (last != NULL) {
        void *object = last;
        last = *(void **)object;
        heap_free(&cache, object, size);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    start();
    assert_null(heap_alloc(&cache, HEAP_BYTES_MAX));
    assert_null(heap_alloc(&cache, HEAP_BYTES_MAX + 1));
    assert_null(heap_alloc(&cache, SIZE_MAX));
    void *last = fill_memory(8000, NULL);
    assert_null(heap_alloc(&cache, 100));
    assert_int_equal(frames_free_count(&arena.frames), 0);
    free_list(last, 8000);
    stop();
}

/* Objects that wait in magazines are no reason to have no memory: their slabs go back to the frames. */
static void test_magazines_are_flushed_when_memory_is_short(void **state)
{
    (void)state;
    start();
    void *objects[60];
    for (unsigned i = 0; i < 60; i++)
        objects[i] = heap_alloc(&cache, 2000);
    void *last = fill_memory(8000, NULL);
    for (unsigned i = 0; i < 60; i++)
        heap_free(&cache, objects[i], 2000); /* 20 slabs of three */
    assert_true(stats_now().cached >= 60);
    last = fill_memory(8000, last);
    assert_int_equal(stats_now().cached, 0);
    free_list(last, 8000);
    stop();
}

/* ---- Bugs. At once in the checked build; in the other when the magazine gives the object back ---- */

static void free_ends_in(const char *checked, const char *plain, struct heap_cache *mine, void *object, size_t size)
{
    expect_assert_failure(heap_free(mine, object, size); heap_cache_flush(mine));
    assert_string_equal(global_last_failed_assert, HEAP_CHECKED ? checked : plain);
    arena_destroy(&arena);
    start();
}

/* Of heap_check.c */
#define NO_OBJECT    "heap_is_object(cache->heap, front, zoned_bytes)"
#define NOT_TWICE    "front->mark != FREE_ALREADY"
#define NOT_BEFORE   "front->mark == RED_ZONE_INTACT"
#define NOT_THE_SIZE "front->size_bytes == size_bytes"
#define NOT_BEHIND   "is_full_of((unsigned char *)pointer + size_bytes, RED_ZONE_FILL, behind_bytes(size_bytes))"
#define NOT_AFTER    "is_full_of(front, HEAP_FREE_FILL, heap_class_bytes[heap_class_of(zoned_bytes)])"

/* Of heap.c */
#define NO_LARGE    "heap_is_object(cache->heap, object, HEAP_SMALL_MAX + 1)"
#define NOT_TAKEN   "(taken & BIT(unit % 64)) == 0"
#define NO_UNIT     "given != 0"
#define OTHER_OWNER "slab->owner == class"

static void test_wrong_frees(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 40, 700, 1000, 2016, 2017, 2048, 5000, 100000};
    start();
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i];
        bool large = size + (HEAP_CHECKED ? 32 : 0) > HEAP_SMALL_MAX;
        unsigned char *object = heap_alloc(&cache, size);
        free_ends_in(NO_OBJECT, large ? NO_LARGE : NO_UNIT, &cache, object + 8, size);
        object = heap_alloc(&cache, size);
        free_ends_in(NO_OBJECT, large ? NO_LARGE : NOT_TAKEN, &cache, object + (size > 16 ? 16 : -16), size);
        object = heap_alloc(&cache, size);
        free_ends_in(NO_OBJECT, OTHER_OWNER, &cache, object, size > 256 ? 64 : 256);
        object = heap_alloc(&cache, size);
        heap_free(&cache, object, size);
        free_ends_in(large ? NO_OBJECT : NOT_TWICE, large ? NO_LARGE : NOT_TAKEN, &cache, object, size);
        object = heap_alloc(&cache, size);
        struct heap other;
        struct heap_cache cache_of_other;
        heap_init(&other, arena.window);
        heap_cache_init(&cache_of_other, &other, &arena.cache);
        free_ends_in(NO_OBJECT, large ? NO_LARGE : OTHER_OWNER, &cache_of_other, object, size);
    }
    struct paddr frame = frame_alloc(&arena.cache, 1);
    free_ends_in(NO_OBJECT, OTHER_OWNER, &cache, (void *)(frame.value + arena.window + 256), 64);
    stop();
}

/* ---- What only the checked build sees ---- */

/* A byte too far on either side, and a size that leads to the right class by luck. */
static void test_red_zones(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 40, 700, 1000, 2015, 2016, 2017, 2048, 5000, 100000};
    start();
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i];
        unsigned char *object = heap_alloc(&cache, size);
        object[size] ^= 1;
        free_ends_in(NOT_BEHIND, NULL, &cache, object, size);
        object = heap_alloc(&cache, size);
        object[-1] ^= 1;
        free_ends_in(NOT_BEFORE, NULL, &cache, object, size);
        if (size == 0)
            continue;
        object = heap_alloc(&cache, size);
        free_ends_in(NOT_THE_SIZE, NULL, &cache, object, ((size - 1) ^ 1) + 1); /* of the same class */
    }
    stop();
}

static void test_use_after_free(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 40, 700, 2016};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        start();
        unsigned char *object = heap_alloc(&cache, sizes[i]);
        object[sizes[i] - 1] = 1;
        heap_free(&cache, object, sizes[i]);
        assert_int_not_equal(object[sizes[i] - 1], 1); /* who reads it sees poison */
        object[sizes[i] - 1] = 1;
        expect_assert_failure((void)!heap_alloc(&cache, sizes[i]));
        assert_string_equal(global_last_failed_assert, NOT_AFTER);
        arena_destroy(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_density),
        cmocka_unit_test(test_magazine),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_magazines_are_flushed_when_memory_is_short),
        cmocka_unit_test(test_wrong_frees),
    };
    const struct CMUnitTest checked_tests[] = {
        cmocka_unit_test(test_red_zones),
        cmocka_unit_test(test_use_after_free),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return HEAP_CHECKED ? failed + cmocka_run_group_tests(checked_tests, NULL, NULL) : failed;
}
