/*
 * Virtual ranges of the kernel, from layout.vspace on (mm/layout.h): devices' registers, views of tables, stacks.
 *
 * Owns: which parts of [base, base + VSPACE_BYTES) are in use, and the kernel map's mappings in them.
 * Rules: every range has an unmapped guard page on both sides. Any CPU may call, never an interrupt handler. Freed
 * ranges are used again, after every CPU has forgotten them.
 */
#ifndef KEEL_MM_VSPACE_H
#define KEEL_MM_VSPACE_H

#include "kernel/base/range.h"
#include "kernel/base/spinlock.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "mm/frames.h"
#include "mm/paging.h"

#define VSPACE_STACK_PAGES_MAX 64u

struct vspace_range;

struct vspace {
    struct spinlock lock;
    struct page_map *map;
    struct frames *frames;
    struct vaddr base;
    struct vspace_range *used;  /* by address */
    struct vspace_range *spare; /* nodes that describe nothing */
};

/*
 * `map` is the kernel's, `base` a multiple of 2 MiB. STATUS_NO_MEMORY. Needs frames that work; takes one for its own
 * records.
 */
enum status vspace_init(struct vspace *vspace, struct page_map *map, struct frames *frames,
                        struct vaddr base) MUST_CHECK;

/*
 * A pointer to the first byte of `range` (any alignment, not empty, below 2^52), mapped with the flags of mm/paging.h,
 * or NULL: no memory.
 */
void *vspace_map(struct vspace *vspace, struct prange range, uint32_t flags) MUST_CHECK;

/* Read-write; cache_flag is PAGING_UNCACHED or PAGING_WRITE_COMBINING. */
MUST_CHECK static inline void *vspace_map_device(struct vspace *vspace, struct prange range, uint32_t cache_flag)
{
    CHECK(cache_flag == PAGING_UNCACHED || cache_flag == PAGING_WRITE_COMBINING);
    return vspace_map(vspace, range, PAGING_WRITE | cache_flag);
}

/* Read-only and write-back: for firmware tables outside of RAM. */
MUST_CHECK static inline void *vspace_map_view(struct vspace *vspace, struct prange range)
{
    return vspace_map(vspace, range, 0);
}

/* What one of these returned. Any other pointer is a bug of ours (CHECK). */
void vspace_unmap(struct vspace *vspace, const volatile void *pointer);

/* A stack of fresh frames, 1 to VSPACE_STACK_PAGES_MAX pages; `*top` is one past its highest byte. STATUS_NO_MEMORY. */
enum status vspace_stack(struct vspace *vspace, uint64_t page_count, struct vaddr *top) MUST_CHECK;

/* The stack whose top vspace_stack gave; its frames are free afterwards. No CPU may stand on it. */
void vspace_stack_free(struct vspace *vspace, struct vaddr top);

/* Whether the address is in a guard page. Takes no lock, for a panic's text: may be wrong while ranges come and go. */
bool vspace_is_guard(const struct vspace *vspace, struct vaddr address);

#endif
