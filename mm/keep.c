/* A short sorted list of ranges; see keep.h. */
#include "mm/keep.h"

#include "kernel/base/check.h"

/* Takes out of the list what touches or overlaps `range`, and returns the union with it. */
static struct prange absorb(struct keep_list *keep, struct prange range)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < keep->count; i++) {
        struct prange other = keep->ranges[i];
        bool apart = other.end.value < range.start.value || range.end.value < other.start.value;
        if (apart)
            keep->ranges[left++] = other;
        else
            range = PRANGE(min_u64(range.start.value, other.start.value), max_u64(range.end.value, other.end.value));
    }
    keep->count = left;
    return range;
}

enum status keep_add(struct keep_list *keep, struct prange range)
{
    CHECK(!prange_empty(range));
    uint32_t before = keep->count;
    range = absorb(keep, prange_page_outward(range));
    if (keep->count == KEEP_MAX) { /* then it absorbed nothing, so nothing changed */
        CHECK(before == KEEP_MAX);
        return STATUS_LIMIT;
    }
    uint32_t place = keep->count++;
    for (; place > 0 && keep->ranges[place - 1].start.value > range.start.value; place--)
        keep->ranges[place] = keep->ranges[place - 1];
    keep->ranges[place] = range;
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
