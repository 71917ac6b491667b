/*
 * The page array: an entry that describes a frame, for every frame of a 16 MiB span in which there is memory of ours.
 *
 * Owns: struct page, the state of each section (UNCLAIMED, CLAIMED, READY), and the token that proves completeness.
 * One page of the array holds the entries of one span, so a map in any number of pieces can be described, and a span
 * without memory costs 4 bytes.
 * Rules (UEFI promises no zeroed memory, so "not ready" cannot live in an entry):
 *   1. each section has one claimer, by an atomic exchange;
 *   2. the claimer stores all entries, fences (port_zero_uncached), then release-stores READY;
 *   3. entries are read only in sections that are READY;
 *   4. boot-services frames start as PAGE_AWAITING, and reclaim needs a token, which exists only when all are READY.
 */
#ifndef KEEL_MM_PAGE_H
#define KEEL_MM_PAGE_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "mm/early.h"
#include "mm/memmap.h"
#include "mm/section.h"

enum page_kind {
    PAGE_FRAME = 0, /* the frame allocator's, free or handed out: the constant initial value */
    PAGE_KERNEL,    /* our image and what early allocation took */
    PAGE_AWAITING,  /* boot services, loader, .boot: until reclaim */
    PAGE_FIRMWARE,  /* stays the firmware's */
    PAGE_LOW,       /* below 1 MiB */
    PAGE_ABSENT,    /* a hole, a device, or memory that is not ours to count */
};

/* Whoever builds on Keel adds an owner or a count here: what depends on the size follows, and 8 bytes are the limit. */
struct page {
    uint8_t kind; /* enum page_kind */
};

/* What one page of entries describes; spans of a section. */
#define PAGE_SPAN_BYTES (PAGE_SIZE / sizeof(struct page) * PAGE_SIZE)
#define PAGE_SPANS      ((uint32_t)(SECTION_BYTES / PAGE_SPAN_BYTES))
_Static_assert((sizeof(struct page) & (sizeof(struct page) - 1)) == 0, "no entry lies in two pages");
_Static_assert(PAGE_SPANS <= 64, "one bit for each span");

enum page_section_state {
    PAGE_SECTION_UNCLAIMED,
    PAGE_SECTION_CLAIMED,
    PAGE_SECTION_READY,
};

struct page_array {
    const struct section_table *sections;
    const struct memmap *map;
    uint64_t window;
    uint32_t *entry_pages; /* by slot, PAGE_SPANS each: page number of a span's entries; 0: no memory in it */
    uint8_t *states;       /* by slot: enum page_section_state; atomic */
    uint32_t ready;        /* sections that are READY; atomic */
};

/* Proof that every section is READY. Only page_array_complete makes one that page_array_token_valid believes. */
struct page_array_token {
    const struct page_array *array;
    uint64_t seal;
};

/* Bytes of memory for the tables of that many sections (entries apart). */
static inline uint64_t page_array_table_bytes(uint32_t section_count)
{
    return section_count * (PAGE_SPANS * sizeof(uint32_t) + sizeof(uint8_t));
}

/*
 * Takes memory for all entries from `early`, and touches none of it but `tables` (page_array_table_bytes long, 8-byte
 * aligned, any content). `map` and `sections` must outlive the array. STATUS_NO_MEMORY: Conventional memory is too
 * small.
 */
MUST_CHECK enum status page_array_init(struct page_array *array, const struct section_table *sections,
                                       const struct memmap *map, struct early *early, uint64_t window, void *tables);

/* Claims and fills sections until none is unclaimed. Any number of CPUs at the same time. */
void page_array_describe(struct page_array *array);

/* STATUS_OK: every section is READY and *token is valid. STATUS_TIMEOUT: not yet. A poll; never waits. */
MUST_CHECK enum status page_array_complete(const struct page_array *array, struct page_array_token *token);

bool page_array_token_valid(const struct page_array *array, const struct page_array_token *token);

/* What the frames of a region are until reclaim; PAGE_FRAME: but for those that early allocation took. */
enum page_kind page_kind_of(const struct memory_region *region);

/* Sets the kind of all entries of the range (whole pages); frames without an entry are passed over. */
void page_array_set_kind(const struct page_array *array, struct prange range, enum page_kind kind);

/*
 * Whether every frame of the range that has an entry is of the kind. Of each 2 MiB only one frame is looked at, and
 * the last one of a span, so that a machine of 12 TiB is audited in the time of a glance.
 */
bool page_array_is_kind(const struct page_array *array, struct prange range, enum page_kind kind);

#endif
