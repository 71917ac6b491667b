/*
 * What the bench measures: an allocator of frames behind a few functions.
 *
 * A subject has one instance, over one range of physical memory that nobody touches. Rules: create and destroy pair up;
 * run addresses are physical, 0 when there is none.
 */
#ifndef KEEL_TESTS_BENCH_SUBJECT_H
#define KEEL_TESTS_BENCH_SUBJECT_H

#include "mm/frames.h"

/* Where the memory of all subjects begins: above 4 GiB, as nearly all of a large machine's does. */
#define SUBJECT_BASE (4 * GIB)

struct subject {
    const char *name;
    /* Memory for the metadata, full of 0xA5, outside of what is measured; returns how many bytes. */
    uint64_t (*reserve)(uint64_t memory_bytes);
    void (*start)(void); /* everything is free afterwards */
    void (*destroy)(void);
    struct frame_cache *cache; /* only Keel looks at it: its own functions stand below, with nothing around them */
    struct paddr (*alloc_single)(struct frame_cache *cache);
    struct paddr (*alloc_run)(struct frame_cache *cache, unsigned order);
    void (*free_single)(struct frame_cache *cache, struct paddr address);
    void (*free_run)(struct frame_cache *cache, struct paddr address, unsigned order);
};

/* As frame_alloc and frame_free do it, for all subjects: who knows that the order is 0 pays for no question. */
static inline struct paddr subject_alloc(const struct subject *subject, unsigned order)
{
    return order == 0 ? subject->alloc_single(subject->cache) : subject->alloc_run(subject->cache, order);
}

static inline void subject_free(const struct subject *subject, struct paddr address, unsigned order)
{
    if (order == 0)
        subject->free_single(subject->cache, address);
    else
        subject->free_run(subject->cache, address, order);
}

extern const struct subject subject_keel;  /* mm/frames.c, with a cache for one CPU */
extern const struct subject subject_buddy; /* buddy.c */

#endif
