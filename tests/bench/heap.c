/*
 * Small objects: a hit pair and objects in bulk, of 64 bytes, on 64 MiB of real memory. What is subtracted is the loop
 * alone: the fast ways are inline, so an allocator that does nothing is no call.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "mm/heap.h"
#include "tests/bench/bench.h"

#define MEMORY  (64 * MIB)
#define OBJECTS 100000u
#define BYTES   64u

static struct heap heap;
static struct frame_cache frame_cache;
static struct heap_cache cache;
static void *objects[OBJECTS];

/* A pointer that the compiler knows nothing about, as it knows nothing about what an allocator gives. */
static inline void *null_alloc(void)
{
    void *object = NULL;
    __asm__ volatile("" : "+r"(object));
    return object;
}

static inline void null_free(void *object)
{
    __asm__ volatile("" ::"r"(object));
}

static void null_pairs(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        null_free(null_alloc());
}

static void null_bulk_alloc(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        objects[i] = null_alloc();
}

static void null_bulk_free(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        null_free(objects[i]);
}

static void hit_pairs(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        void *object = heap_alloc(&cache, BYTES);
        heap_free(&cache, object, BYTES);
    }
}

static void bulk_alloc(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        objects[i] = heap_alloc(&cache, BYTES);
}

static void bulk_free(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        heap_free(&cache, objects[i], BYTES);
}

void bench_heap(void)
{
    static struct memory_region region = {.range = {{GIB}, {GIB + MEMORY}}};
    struct memmap map = {.regions = &region, .count = 1};
    struct section_table sections;
    struct frames frames;
    bench_row("object-pair", "null", null_pairs, OBJECTS);
    bench_row("object-alloc", "null", null_bulk_alloc, OBJECTS);
    bench_row("object-free", "null", null_bulk_free, OBJECTS);
    section_measure(&sections, &map);
    section_build(&sections, &map, malloc(section_table_bytes(&sections)));
    frames_init(&frames, &sections, aligned_alloc(64, frames_metadata_bytes(sections.count)));
    frame_cache_init(&frame_cache, &frames);
    frames_add(&frames, region.range);
    void *memory = mmap(NULL, 2 * MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    heap_init(&heap, align_up((uint64_t)(uintptr_t)memory, MEMORY) - GIB);
    heap_cache_init(&cache, &heap, &frame_cache);
    heap_free(&cache, heap_alloc(&cache, BYTES), BYTES);
    bench_row("object-pair", "keel", hit_pairs, OBJECTS);
    bench_row("object-alloc", "keel", bulk_alloc, OBJECTS);
    bench_row("object-free", "keel", bulk_free, OBJECTS);
    munmap(memory, 2 * MEMORY);
}
