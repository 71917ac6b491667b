/*
 * The ledger: every page of the firmware's map has exactly one owner, and the owners sum to the map (rule 12).
 *
 * Owns: struct ledger, its equation, and its text (shared by the monitor's `mem` and by replay).
 * Rules: each term is counted by its owner, independently; no term is ever computed as what the others leave. Counts
 * are pages of 4 KiB.
 *
 *     total = free + used + firmware + low + awaiting + unaccounted,   unaccounted = 0
 */
#ifndef KEEL_MM_LEDGER_H
#define KEEL_MM_LEDGER_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "mm/memmap.h"

struct ledger {
    uint64_t total;     /* pages of types 1-7, 9 and 10 */
    uint64_t free;      /* what can be allocated, per-CPU caches included */
    uint64_t used;      /* what the kernel has allocated or stands in */
    uint64_t firmware;  /* from 1 MiB up, stays the firmware's */
    uint64_t low;       /* below 1 MiB, whatever its type */
    uint64_t awaiting;  /* boot services, loader, .boot: before reclaim, or for ever with keep-boot-services */
    uint64_t reclaimed; /* of free + used: what was boot services */
    int64_t unaccounted;
    uint64_t listed[MEMORY_KIND_COUNT]; /* above the line: kinds that the total does not hold; 0 for the others */
    struct memmap_mended mended;
};

/* Fills `unaccounted` from the other terms. */
void ledger_balance(struct ledger *ledger);

/* STATUS_INVALID when a page has no owner, or two. */
MUST_CHECK enum status ledger_check(const struct ledger *ledger);

/*
 * Line number `index` of the text, without a newline, into `buffer`; false when there is no such line. The lines: one
 * for each kind listed above the line, one for each kind of mending, one for `awaiting` (each only when it is not 0),
 * and last the fixed line "ledger: total=... unaccounted=0", whose `firmware` includes `awaiting`. LEDGER_LINE_BYTES
 * hold any of them.
 */
bool ledger_line(const struct ledger *ledger, unsigned index, char *buffer, size_t capacity);
#define LEDGER_LINE_BYTES 256u

#endif
