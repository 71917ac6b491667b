/*
 * The keep list: ranges in memory that reclaim would free, in which tables of the firmware lie that are read later
 * (rule 10).
 *
 * Owns: struct keep_list. Rules: whole pages, rising, disjoint, never touching each other; what a range names outside
 * of reclaimable memory says nothing new and does no harm.
 */
#ifndef KEEL_MM_KEEP_H
#define KEEL_MM_KEEP_H

#include "kernel/base/range.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"

#define KEEP_MAX 64u

struct keep_list {
    struct prange ranges[KEEP_MAX];
    uint32_t count;
};

/*
 * Adds the pages that the bytes of `range` (not empty, below 2^52) touch. STATUS_LIMIT: there are KEEP_MAX ranges;
 * nothing has changed.
 */
MUST_CHECK enum status keep_add(struct keep_list *keep, struct prange range);

/*
 * Takes from the front of *rest (not empty, whole pages) the longest piece that is kept as a whole, or not at all, and
 * says which. A loop until *rest is empty sees each page once.
 */
bool keep_next(const struct keep_list *keep, struct prange *rest, struct prange *piece);

#endif
