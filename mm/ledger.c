/*
 * The ledger's equation and its text. See ledger.h; mm_ledger in mm/audit.c gathers the terms.
 *
 * The text is made a line at a time, by number, so that the monitor, replay and a panic, which has no heap, can all
 * print it with a buffer of their own and none needs to know how many lines there are.
 */
#include "mm/ledger.h"

#include "kernel/base/format.h"

struct mending {
    size_t offset; /* of a uint32_t in struct memmap_mended */
    const char *text;
};

#define MENDING(field, words) {offsetof(struct memmap_mended, field), words}
/* In the order of memmap_mended: first what is wrong with the map as a whole, then with single descriptors. */
static const struct mending mendings[] = {
    MENDING(version_other, "descriptor version is not 1"),
    MENDING(truncated, "last descriptor cut off, ignored"),
    MENDING(zero_length, "zero-length, dropped"),
    MENDING(wrapping, "wrapping past 2^64, dropped"),
    MENDING(clipped, "beyond 2^52, clipped"),
    MENDING(unaligned, "not page-aligned, rounded"),
    MENDING(unsorted, "out of order, sorted"),
    MENDING(overlapping, "overlapping, the more restrictive kind kept"),
    MENDING(not_write_back, "not write-back, withheld"),
    MENDING(specific_purpose, "specific-purpose, withheld"),
    MENDING(unknown_type, "of unknown type, left alone"),
    MENDING(runtime_added, "memory with the RUNTIME attribute, left to the firmware"),
    MENDING(runtime_missing, "runtime services without the RUNTIME attribute"),
};

static uint64_t owned(const struct ledger *ledger)
{
    return ledger->free + ledger->used + ledger->firmware + ledger->low + ledger->awaiting;
}

void ledger_balance(struct ledger *ledger)
{
    /* Signed: a page with two owners is as bad as one with none, and shows as -1. */
    ledger->unaccounted = (int64_t)(ledger->total - owned(ledger));
}

enum status ledger_check(const struct ledger *ledger)
{
    /* Both: `unaccounted` may have been filled in before a term changed. */
    bool balanced = ledger->unaccounted == 0 && owned(ledger) == ledger->total;
    return balanced && ledger->reclaimed <= ledger->free + ledger->used ? STATUS_OK : STATUS_INVALID;
}

/* Whether this is the line that is asked for: `index` counts down over those that exist. */
static bool is_line(unsigned *index, bool exists)
{
    return exists && (*index)-- == 0;
}

bool ledger_line(const struct ledger *ledger, unsigned index, char *buffer, size_t capacity)
{
    /* Kinds are in rising restriction: those that the total does not hold are the last ones. */
    for (enum memory_kind kind = MEMORY_PERSISTENT; kind < MEMORY_KIND_COUNT; kind++) {
        if (is_line(&index, ledger->listed[kind] != 0)) {
            format_buffer(buffer, capacity, "listed: %s=%llu", memory_kind_name(kind),
                          (unsigned long long)ledger->listed[kind]);
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(mendings); i++) {
        /* By offset: the struct stays one of named numbers for who counts, and is a table here. */
        uint32_t count = *(const uint32_t *)(const void *)((const uint8_t *)&ledger->mended + mendings[i].offset);
        if (is_line(&index, count != 0)) {
            format_buffer(buffer, capacity, "mended: %u %s", count, mendings[i].text);
            return true;
        }
    }
    if (is_line(&index, ledger->awaiting != 0)) {
        format_buffer(buffer, capacity,
                      "awaiting: %llu of firmware are boot services, loader and .boot memory, not given back",
                      (unsigned long long)ledger->awaiting);
        return true;
    }
    if (index != 0)
        return false;
    /* What awaits reclaim is not ours yet: in the line, which has no column for it, the firmware holds it. */
    format_buffer(buffer, capacity,
                  "ledger: total=%llu free=%llu used=%llu firmware=%llu low=%llu reclaimed=%llu unaccounted=%lld",
                  (unsigned long long)ledger->total, (unsigned long long)ledger->free, (unsigned long long)ledger->used,
                  (unsigned long long)(ledger->firmware + ledger->awaiting), (unsigned long long)ledger->low,
                  (unsigned long long)ledger->reclaimed, (long long)ledger->unaccounted);
    return true;
}
