/* mm/heap.c over an arena: alignment, overlap (every object is filled and read back), frames given back, bugs. */
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

static void start(void)
{
    static const struct prange ranges[] = {{{MIB}, {32 * MIB}}};
    arena_create(&arena, ranges, 1, true);
    heap_init(&heap, arena.window);
    random_state = 0x2545F4914F6CDD1D;
}

static void stop(void)
{
    assert_int_equal(heap.live_count, 0);
    assert_true(heap.page_count <= 2 * HEAP_CLASS_COUNT); /* at most one empty slab a class is kept */
    assert_int_equal(heap.page_count, frames_used_count(&arena.frames));
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
            objects[i] = heap_alloc(&heap, &arena.cache, size);
            assert_non_null(objects[i]);
            assert_int_equal((uintptr_t)objects[i] & 15, 0);
            memset(objects[i], i + 1, size);
        }
        for (int i = 0; i < 3; i++) {
            for (size_t j = 0; j < size; j++)
                assert_int_equal(objects[i][j], i + 1);
            heap_free(&heap, &arena.cache, objects[i]);
        }
    }
    heap_free(&heap, &arena.cache, NULL);
    stop();
}

/* Small objects cost little more than their size; large ones the frames that hold them. */
static void test_density(void **state)
{
    (void)state;
    start();
    static void *objects[5040];
    for (unsigned i = 0; i < 5040; i++)
        objects[i] = heap_alloc(&heap, &arena.cache, 16);
    assert_int_equal(heap.page_count, 20); /* 504 in a slab of two */
    for (unsigned i = 0; i < 5040; i++)
        heap_free(&heap, &arena.cache, objects[i]);
    assert_int_equal(heap.page_count, 2);
    void *large = heap_alloc(&heap, &arena.cache, 60000);
    assert_int_equal(heap.page_count, 2 + 16);
    heap_free(&heap, &arena.cache, large);
    stop();
}

struct object {
    unsigned char *bytes;
    size_t size;
    unsigned char fill;
};

static void test_random(void **state)
{
    (void)state;
    start();
    static struct object objects[1500];
    for (unsigned i = 0; i < 60000; i++) {
        struct object *object = &objects[random_below(1500)];
        if (object->bytes != NULL) {
            for (size_t j = 0; j < object->size; j += 1 + object->size / 16)
                assert_int_equal(object->bytes[j], object->fill);
            heap_free(&heap, &arena.cache, object->bytes);
            object->bytes = NULL;
        } else {
            object->size = 1 + random_below(random_below(10) == 0 ? 30000 : 700);
            object->fill = (unsigned char)i;
            object->bytes = heap_alloc(&heap, &arena.cache, object->size);
            assert_non_null(object->bytes);
            memset(object->bytes, object->fill, object->size);
        }
    }
    for (unsigned i = 0; i < 1500; i++)
        heap_free(&heap, &arena.cache, objects[i].bytes);
    stop();
}

static void test_out_of_memory(void **state)
{
    (void)state;
    start();
    assert_null(heap_alloc(&heap, &arena.cache, HEAP_BYTES_MAX));
    assert_null(heap_alloc(&heap, &arena.cache, SIZE_MAX));
    void *last = NULL;
    void *object;
    while ((object = heap_alloc(&heap, &arena.cache, 8000)) != NULL) {
        *(void **)object = last;
        last = object;
    }
    assert_null(heap_alloc(&heap, &arena.cache, 100));
    assert_int_equal(frames_free_count(&arena.frames), 0);
    while (last != NULL) {
        object = *(void **)last;
        heap_free(&heap, &arena.cache, last);
        last = object;
    }
    stop();
}

static void test_bugs(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 40, 700, 2048, 5000, 100000};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        start();
        unsigned char *first = heap_alloc(&heap, &arena.cache, sizes[i]);
        unsigned char *object = heap_alloc(&heap, &arena.cache, sizes[i]);
        assert_non_null(first);
        expect_assert_failure(heap_free(&heap, &arena.cache, object + 8));
        arena_destroy(&arena);
        start();
        first = heap_alloc(&heap, &arena.cache, sizes[i]);
        object = heap_alloc(&heap, &arena.cache, sizes[i]);
        heap_free(&heap, &arena.cache, object);
        expect_assert_failure(heap_free(&heap, &arena.cache, object));
        arena_destroy(&arena);
    }
    start();
    struct heap other;
    heap_init(&other, arena.window);
    void *object = heap_alloc(&heap, &arena.cache, 64);
    expect_assert_failure(heap_free(&other, &arena.cache, object));
    struct paddr frame = frame_alloc(&arena.cache, 1);
    expect_assert_failure(heap_free(&heap, &arena.cache, (void *)(uintptr_t)(frame.value + arena.window)));
    expect_assert_failure(heap_free(&heap, &arena.cache, (void *)(uintptr_t)(frame.value + arena.window + 256)));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_density), cmocka_unit_test(test_random),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_bugs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
