/* Small objects: a hit pair and objects in bulk, of 64 bytes, on a real megabyte of memory. */
#include <stdlib.h>
#include <sys/mman.h>

#include "mm/heap.h"
#include "tests/bench/bench.h"

#define MEMORY  (64 * MIB)
#define OBJECTS 100000u
#define BYTES   64u

static struct heap heap;
static struct frame_cache cache;
static void *objects[OBJECTS];

static void hit_pairs(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        void *object = heap_alloc(&heap, &cache, BYTES);
        heap_free(&heap, &cache, object);
    }
}

static void bulk_alloc(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        objects[i] = heap_alloc(&heap, &cache, BYTES);
}

static void bulk_free(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        heap_free(&heap, &cache, objects[i]);
}

void bench_heap(void)
{
    static struct memory_region region = {.range = {{GIB}, {GIB + MEMORY}}};
    struct memmap map = {.regions = &region, .count = 1};
    struct section_table sections;
    struct frames frames;
    section_measure(&sections, &map);
    section_build(&sections, &map, malloc(section_table_bytes(&sections)));
    frames_init(&frames, &sections, aligned_alloc(64, frames_metadata_bytes(sections.count)));
    frame_cache_init(&cache, &frames);
    frames_add(&frames, region.range);
    void *memory = mmap(NULL, 2 * MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    heap_init(&heap, align_up((uint64_t)(uintptr_t)memory, MEMORY) - GIB);
    void *keep = heap_alloc(&heap, &cache, BYTES);
    bench_row("object-pair", "keel", hit_pairs, OBJECTS);
    bench_row("object-alloc", "keel", bulk_alloc, OBJECTS);
    bench_row("object-free", "keel", bulk_free, OBJECTS);
    heap_free(&heap, &cache, keep);
    munmap(memory, 2 * MEMORY);
}
