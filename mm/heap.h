/*
 * Small objects: slabs on frames, size classes of 16 to 2048 bytes, runs of whole frames above. In front of the slabs
 * each CPU has magazines, one for each class: stacks of objects that it takes and gives without a lock.
 *
 * Owns: struct heap (the slabs, one for the machine) and struct heap_cache (a CPU's magazines).
 * Rules: a heap_cache is used by one CPU at a time, never by an interrupt handler. An object may be freed on any CPU:
 * it goes to that CPU's magazine, and from there to its slab. It is freed once, with the size it was asked for: so the
 * fast ways know the class, without any look-up where the size is a constant. Memory is 16-byte aligned and holds
 * whatever it held before.
 *
 * Wrong frees are CHECKed where an object leaves a magazine for its slab, in the checked build (HEAP_CHECKED, see
 * heap_check.c) at once.
 */
#ifndef KEEL_MM_HEAP_H
#define KEEL_MM_HEAP_H

#include "kernel/base/bits.h"
#include "kernel/base/spinlock.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "mm/frames.h"

/* 1 in every host program but the bench and tests/unit/heap_*_test; in the kernel as build.ninja says. */
#ifndef HEAP_CHECKED
#define HEAP_CHECKED 0
#endif

#define HEAP_CLASS_COUNT 14u
#define HEAP_SMALL_MAX   2048u
#define HEAP_BYTES_MAX   (1024 * MIB - 128) /* one run of FRAME_ORDER_MAX, less its header */
#define HEAP_MAGAZINE    64u                /* objects of a class that a CPU keeps */
#define HEAP_SLAB_WORDS  8u                 /* of bits, one for each 16 bytes of a slab */
#define HEAP_FREE_FILL   0xDDu              /* of free memory, in the checked build */

struct heap_slab;

struct heap_class {
    struct spinlock lock;
    uint32_t slab_objects; /* in each of its slabs; where in it they start: */
    uint64_t starts[HEAP_SLAB_WORDS];
    struct heap_slab *partial; /* slabs with a free object; full ones are on no list */
};

struct heap {
    uint64_t window; /* add to a physical address to get a pointer */
    struct heap_class classes[HEAP_CLASS_COUNT];
    uint64_t taken; /* objects that callers and magazines hold */
    uint64_t pages; /* frames that the heap holds */
    struct spinlock lock;
    struct heap_cache *caches; /* `lock` is for this list */
};

struct heap_magazine {
    uint32_t count;
    void *objects[HEAP_MAGAZINE]; /* the last freed is on top, while it is warm */
};

struct heap_cache {
    struct heap *heap;
    struct frame_cache *frames; /* of the same CPU */
    struct heap_cache *next;
    struct heap_magazine magazines[HEAP_CLASS_COUNT];
};

struct heap_stats {
    uint64_t objects; /* that callers hold */
    uint64_t cached;  /* objects in magazines */
    uint64_t pages;   /* frames that the heap holds */
};

void heap_init(struct heap *heap, uint64_t window);

/* The magazines start empty, and count in heap_get_stats from here on for ever. */
void heap_cache_init(struct heap_cache *cache, struct heap *heap, struct frame_cache *frames);

/* Every object in the CPU's magazines goes back to its slab. heap_alloc does it when there is no memory. */
void heap_cache_flush(struct heap_cache *cache);

/* Exact while no CPU allocates. */
void heap_get_stats(struct heap *heap, struct heap_stats *stats);

/* ---- What heap_alloc and heap_free are made of ---- */

/* Four classes up to 64 bytes, then two for each power of two: 96 128 192 256 ... 2048. */
extern const uint16_t heap_class_bytes[HEAP_CLASS_COUNT];

static inline unsigned heap_class_of(size_t size_bytes)
{
    uint64_t last = size_bytes == 0 ? 0 : size_bytes - 1;
    if (last < 64)
        return (unsigned)(last / 16);
    unsigned top = bits_last(last);
    return 4 + (top - 6) * 2 + (unsigned)(last >> (top - 1) & 1);
}

/* The slow ways: the magazine is empty, or full. */
void *heap_take_slow(struct heap_cache *cache, unsigned class_index);
void heap_give_slow(struct heap_cache *cache, unsigned class_index, void *object);
void *heap_large_alloc(struct heap_cache *cache, size_t size_bytes);
void heap_large_free(struct heap_cache *cache, void *object);

/* The same as heap_alloc and heap_free, with red zones and poison (heap_check.c). */
void *heap_checked_alloc(struct heap_cache *cache, size_t size_bytes);
void heap_checked_free(struct heap_cache *cache, void *pointer, size_t size_bytes);

/* Whether heap_plain_alloc can have given that, for an object of this class or as large. */
bool heap_is_object(const struct heap *heap, const void *object, size_t size_bytes);

/* Other CPUs read the counts for the totals while this one writes them. */
static inline uint32_t heap_magazine_count(const struct heap_magazine *magazine)
{
    return __atomic_load_n(&magazine->count, __ATOMIC_RELAXED);
}

static inline void heap_magazine_set_count(struct heap_magazine *magazine, uint32_t count)
{
    __atomic_store_n(&magazine->count, count, __ATOMIC_RELAXED);
}

static inline void *heap_take(struct heap_cache *cache, unsigned class_index)
{
    struct heap_magazine *magazine = &cache->magazines[class_index];
    uint32_t count = heap_magazine_count(magazine);
    if (count == 0)
        return heap_take_slow(cache, class_index);
    heap_magazine_set_count(magazine, count - 1);
    return magazine->objects[count - 1];
}

static inline void heap_give(struct heap_cache *cache, unsigned class_index, void *object)
{
    struct heap_magazine *magazine = &cache->magazines[class_index];
    uint32_t count = heap_magazine_count(magazine);
    if (count == HEAP_MAGAZINE) {
        heap_give_slow(cache, class_index, object);
        return;
    }
    magazine->objects[count] = object;
    heap_magazine_set_count(magazine, count + 1);
}

static inline void *heap_plain_alloc(struct heap_cache *cache, size_t size_bytes)
{
    return size_bytes <= HEAP_SMALL_MAX ? heap_take(cache, heap_class_of(size_bytes))
                                        : heap_large_alloc(cache, size_bytes);
}

static inline void heap_plain_free(struct heap_cache *cache, void *object, size_t size_bytes)
{
    if (size_bytes <= HEAP_SMALL_MAX)
        heap_give(cache, heap_class_of(size_bytes), object);
    else
        heap_large_free(cache, object);
}

/* ---- Objects ---- */

/* NULL: no memory, or size_bytes over HEAP_BYTES_MAX. size_bytes 0 gives an object of the smallest class. */
MUST_CHECK static inline void *heap_alloc(struct heap_cache *cache, size_t size_bytes)
{
    return HEAP_CHECKED ? heap_checked_alloc(cache, size_bytes) : heap_plain_alloc(cache, size_bytes);
}

/* What heap_alloc gave (not NULL) for the same size. */
static inline void heap_free(struct heap_cache *cache, void *pointer, size_t size_bytes)
{
    if (HEAP_CHECKED)
        heap_checked_free(cache, pointer, size_bytes);
    else
        heap_plain_free(cache, pointer, size_bytes);
}

#endif
