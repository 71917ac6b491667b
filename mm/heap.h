/*
 * Small objects: slabs on frames, size classes of 16 to 2048 bytes, runs of whole frames above.
 *
 * Owns: the slabs.
 * Rules: a pointer is freed once, to the heap that gave it (both CHECKed). Any CPU may call with its own
 * frame cache, never an interrupt handler. Memory is 16-byte aligned and holds whatever it held before.
 */
#ifndef KEEL_MM_HEAP_H
#define KEEL_MM_HEAP_H

#include "kernel/base/spinlock.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "mm/frames.h"

#define HEAP_CLASS_COUNT  14u
#define HEAP_SMALL_MAX    2048u
#define HEAP_BYTES_MAX    (1024 * MIB - 128) /* one run of FRAME_ORDER_MAX, less its header */

struct heap_slab;

struct heap_class {
    struct spinlock lock;
    struct heap_slab *partial; /* slabs with a free object; full ones are on no list */
};

struct heap {
    uint64_t window; /* add to a physical address to get a pointer */
    struct heap_class classes[HEAP_CLASS_COUNT];
    uint64_t live_count; /* objects that callers hold */
    uint64_t page_count; /* frames that the heap holds */
};

static inline void heap_init(struct heap *heap, uint64_t window)
{
    *heap = (struct heap){.window = window};
}

/* NULL: no memory, or size_bytes over HEAP_BYTES_MAX. size_bytes 0 gives an object of the smallest class. */
void *heap_alloc(struct heap *heap, struct frame_cache *cache, size_t size_bytes) MUST_CHECK;

/* NULL does nothing. */
void heap_free(struct heap *heap, struct frame_cache *cache, void *pointer);

#endif
