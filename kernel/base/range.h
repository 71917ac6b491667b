/*
 * Half-open ranges of physical memory, [start, end). Printed as "[0x1000, 0x3000)".
 *
 * An empty range has start == end; a range with start > end does not exist.
 */
#ifndef KEEL_BASE_RANGE_H
#define KEEL_BASE_RANGE_H

#include "kernel/base/types.h"

struct prange {
    struct paddr start;
    struct paddr end;
};

#define PRANGE(start_address, end_address) ((struct prange){PADDR(start_address), PADDR(end_address)})

static inline uint64_t prange_bytes(struct prange range)
{
    return range.end.value - range.start.value;
}

static inline uint64_t prange_pages(struct prange range)
{
    return prange_bytes(range) >> PAGE_SHIFT;
}

static inline bool prange_empty(struct prange range)
{
    return range.start.value >= range.end.value;
}

static inline bool prange_contains(struct prange range, struct paddr address)
{
    return address.value >= range.start.value && address.value < range.end.value;
}

static inline bool prange_overlaps(struct prange a, struct prange b)
{
    return a.start.value < b.end.value && b.start.value < a.end.value;
}

/* The part that both share; empty (start == end) when they share none. */
static inline struct prange prange_intersect(struct prange a, struct prange b)
{
    uint64_t start = max_u64(a.start.value, b.start.value);
    uint64_t end = min_u64(a.end.value, b.end.value);
    return start < end ? PRANGE(start, end) : PRANGE(start, start);
}

/* The smallest run of whole pages that holds the range. The caller knows that end does not lie in the last page. */
static inline struct prange prange_page_outward(struct prange range)
{
    return PRANGE(align_down(range.start.value, PAGE_SIZE), align_up(range.end.value, PAGE_SIZE));
}

#endif
