/* Sorted, disjoint, merged: see span.h. */
#include "boot/span.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"

static bool alike(const struct span *a, const struct span *b)
{
    return a->flags == b->flags && a->optional == b->optional;
}

/* The first span that ends after `address`, so the one that holds it or the next above it. */
static uint32_t find(const struct span_list *list, uint64_t address)
{
    uint32_t low = 0;
    uint32_t high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->spans[middle].range.end.value <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove(struct span_list *list, uint32_t index)
{
    list->count--;
    memmove(&list->spans[index], &list->spans[index + 1], (list->count - index) * sizeof(struct span));
}

/* Puts a span that overlaps none before `index`; it melts into neighbours that touch it and are alike. */
static void insert(struct span_list *list, uint32_t index, const struct span *span)
{
    struct span *below = index > 0 ? &list->spans[index - 1] : NULL;
    struct span *above = index < list->count ? &list->spans[index] : NULL;
    bool joins_below = below != NULL && alike(below, span) && below->range.end.value == span->range.start.value;
    bool joins_above = above != NULL && alike(above, span) && above->range.start.value == span->range.end.value;

    if (joins_below && joins_above) {
        below->range.end = above->range.end;
        remove(list, index);
    } else if (joins_below) {
        below->range.end = span->range.end;
    } else if (joins_above) {
        above->range.start = span->range.start;
    } else {
        CHECK(list->count < SPAN_MAX);
        memmove(&list->spans[index + 1], &list->spans[index], (list->count - index) * sizeof(*span));
        list->spans[index] = *span;
        list->count++;
    }
}

void span_add(struct span_list *list, const struct span *span)
{
    uint64_t at = span->range.start.value;
    uint64_t end = span->range.end.value;
    while (at < end) {
        uint32_t index = find(list, at);
        struct prange next = index < list->count ? list->spans[index].range : PRANGE(end, end);
        if (at >= next.start.value) {
            at = next.end.value; /* covered up to there */
            continue;
        }
        struct span gap = *span;
        gap.range = PRANGE(at, min_u64(end, next.start.value));
        at = gap.range.end.value;
        insert(list, index, &gap);
    }
}

/* Blocks of 2^shift bytes that hold a part of some span: each needs a table of its own. */
static uint64_t count_touched(const struct span_list *list, unsigned shift)
{
    uint64_t count = 0;
    uint64_t next = 0; /* blocks below are counted already */
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t first = max_u64(list->spans[i].range.start.value >> shift, next);
        next = max_u64(((list->spans[i].range.end.value - 1) >> shift) + 1, next);
        count += next > first ? next - first : 0;
    }
    return count;
}

/* The same, but for those that one span covers wholly: a large page does there. */
static uint64_t count_partial(const struct span_list *list, unsigned shift)
{
    uint64_t count = 0;
    uint64_t next = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t edges[] = {list->spans[i].range.start.value, list->spans[i].range.end.value};
        for (unsigned edge = 0; edge < ARRAY_COUNT(edges); edge++) {
            uint64_t block = edges[edge] >> shift;
            if (edges[edge] == block << shift || block < next)
                continue;
            next = block + 1;
            count++;
        }
    }
    return count;
}

/* A table of the lowest level spans 2 MiB, then 1 GiB, 512 GiB and 256 TiB (SDM volume 3, 4.5). */
uint64_t span_table_count(const struct span_list *list, unsigned levels, bool gigabyte_pages)
{
    uint64_t count = count_partial(list, 21);
    count += gigabyte_pages ? count_partial(list, 30) : count_touched(list, 30);
    count += count_touched(list, 39);
    return levels == 5 ? count + count_touched(list, 48) : count;
}
