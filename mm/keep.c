/*
 * A short sorted list of ranges; see keep.h.
 *
 *     kept          |--a--|      |--b--|        |--c--|
 *     new                  |-------|                          touches a, overlaps b: the three become one
 *     kept          |--------------------|      |--c--|
 *
 * An array, searched from the front: there are under ten on real machines, and KEEP_MAX at most.
 */
#include "mm/keep.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"

enum status keep_add(struct keep_list *keep, struct prange range)
{
    CHECK(!prange_empty(range));
    range = prange_page_outward(range);
    uint32_t first = 0; /* [first, next) touch or overlap the range, and become one with it */
    while (first < keep->count && keep->ranges[first].end.value < range.start.value)
        first++;
    uint32_t next = first;
    for (; next < keep->count && keep->ranges[next].start.value <= range.end.value; next++) {
        struct prange other = keep->ranges[next];
        range = PRANGE(min_u64(range.start.value, other.start.value), max_u64(range.end.value, other.end.value));
    }
    /* A range that joins another needs no room of its own, so a full list still takes it. */
    if (first == next && keep->count == KEEP_MAX)
        return STATUS_LIMIT;
    /* One entry in the place of [first, next): those behind move to where that leaves room. */
    memmove(&keep->ranges[first + 1], &keep->ranges[next], (keep->count - next) * sizeof(range));
    keep->ranges[first] = range;
    keep->count = keep->count - (next - first) + 1;
    return STATUS_OK;
}

bool keep_next(const struct keep_list *keep, struct prange *rest, struct prange *piece)
{
    CHECK(!prange_empty(*rest));
    *piece = *rest;
    bool kept = false;
    for (uint32_t i = 0; i < keep->count; i++) {
        struct prange part = prange_intersect(keep->ranges[i], *rest);
        if (prange_empty(part))
            continue;
        kept = part.start.value == rest->start.value;
        piece->end = kept ? part.end : part.start;
        break;
    }
    rest->start = piece->end;
    return kept;
}
