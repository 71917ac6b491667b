/*
 * x86-64 page tables: one walker for every level, every page size and every place it runs.
 *
 * Owns: the format of page-table entries, and the tables below a struct page_map's root.
 * Rules: the window through which tables are reached is data, so boot/ (window 0), the kernel (direct map) and the host
 * (an arena) run the same code. A call that fails has changed nothing. Nothing is writable and executable, but for
 * PAGING_FIRMWARE_RWX. Callers serialise calls on one page_map (mm/vspace.c does by its lock).
 */
#ifndef KEEL_MM_PAGING_H
#define KEEL_MM_PAGING_H

#include "kernel/base/range.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* What a mapping allows beside reading. At most one of the two cache flags; without them it is write-back. */
#define PAGING_WRITE           (1u << 0)
#define PAGING_EXECUTE         (1u << 1)
#define PAGING_GLOBAL          (1u << 2) /* survives a CR3 load: the kernel half only */
#define PAGING_UNCACHED        (1u << 3)
#define PAGING_WRITE_COMBINING (1u << 4)
#define PAGING_FIRMWARE_RWX    (1u << 5) /* write and execute, instead of the two flags; firmware's own */
#define PAGING_KEEP_CACHE      (1u << 6) /* paging_protect: uncached or write-combining where it was, page by page */

/* Where table pages come from and go to: 4 KiB frames reachable through the window. */
struct table_source {
    struct paddr (*alloc)(void *context); /* address 0: none; the content does not matter */
    void (*free)(void *context, struct paddr table);
    void *context;
};

struct page_map {
    struct paddr root;
    uint64_t window; /* add to a physical address to get a pointer; may be changed between calls */
    struct table_source tables;
    uint8_t levels; /* 4, or 5 with CR4.LA57 */
    bool gigabyte_pages;
    uint64_t table_count; /* root included */
};

/* What translates an address: the page's physical address (not the byte's), its size and its flags. */
struct paging_entry {
    struct paddr page;
    uint64_t size_bytes;
    uint32_t flags;
};

/* Allocates the root. STATUS_NO_MEMORY. The map is empty. */
enum status paging_init(struct page_map *map, uint64_t window, unsigned levels, bool gigabyte_pages,
                        struct table_source tables) MUST_CHECK;

/*
 * Maps `range` at `start` with the largest pages that fit. Page-aligned, not empty, canonical, in one half, the range
 * below 2^52 (CHECKed). STATUS_NO_MEMORY; STATUS_INVALID when part of it is mapped already.
 */
enum status paging_map(struct page_map *map, struct vaddr start, struct prange range, uint32_t flags) MUST_CHECK;

/*
 * Forgets what is mapped in [start, start + size_bytes); parts that are not are skipped. Large pages that stick out are
 * split first: STATUS_NO_MEMORY. Tables that become empty are freed, after every CPU has forgotten the translations.
 */
enum status paging_unmap(struct page_map *map, struct vaddr start, uint64_t size_bytes) MUST_CHECK;

/* Changes the flags of what is mapped in it (STATUS_NOT_FOUND if not all of it is), splitting as paging_unmap does. */
enum status paging_protect(struct page_map *map, struct vaddr start, uint64_t size_bytes, uint32_t flags) MUST_CHECK;

/* False when nothing is mapped at the address; `entry` is then unchanged. */
bool paging_lookup(const struct page_map *map, struct vaddr address, struct paging_entry *entry);

/*
 * For an address space of its own: `map` gets the upper half of `from`, whose top-level tables then stay for ever, so
 * what is mapped below them later is seen by both. Only the owner, `from`, may change it. That half of `map` is empty.
 */
void paging_share_upper_half(struct page_map *map, struct page_map *from);

/*
 * Before sharing: makes the top-level tables of [start, start + size_bytes) exist and stay. STATUS_NO_MEMORY: some may
 * exist now, which nothing but the count of tables shows.
 */
enum status paging_pin_top(struct page_map *map, struct vaddr start, uint64_t size_bytes) MUST_CHECK;

/* Upper bound of the tables that this one paging_map call needs below the root. For boot/'s pool. */
uint64_t paging_tables_for(struct vaddr start, struct prange range, unsigned levels, bool gigabyte_pages);

#endif
