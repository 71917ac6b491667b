/*
 * Phase R: what the firmware borrowed, and what we needed to get here, becomes free. Rule 10 of the design.
 *
 * Owns: the keep list and mm_reclaim. The order is held by the token: a frame is freed only when its own entry in the
 * page array exists, and Linux has lost memory for ten years to the lack of exactly that (firmware-quirks: the leak).
 * Rules: walks ranges, never single pages; nothing below 1 MiB is looked at; the kept ranges are the firmware's for
 * ever.
 */
#include "kernel/base/check.h"
#include "mm/layout.h"
#include "mm/mm.h"

enum status mm_keep(struct mm *mm, struct prange range)
{
    CHECK(!mm->reclaimed);
    if (prange_empty(range) || range.end.value > MEMMAP_PHYSICAL_END)
        return STATUS_INVALID;
    return keep_add(&mm->keep, range);
}

static enum status unmap_temporary_segments(struct mm *mm)
{
    for (uint32_t i = 0; i < mm->config.segment_count; i++) {
        const struct mm_segment *segment = &mm->config.segments[i];
        if (!segment->temporary)
            continue;
        enum status status = paging_unmap(&mm->kernel_map, segment->address, prange_bytes(segment->range));
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Image pages had no alias in the direct map while they held code; as free memory they need one. */
static enum status map_directly(struct mm *mm, struct prange range)
{
    struct vaddr start = VADDR(DIRECT_MAP_BASE + range.start.value);
    return paging_map(&mm->kernel_map, start, range, PAGING_WRITE | PAGING_GLOBAL);
}

static bool is_awaiting(const struct memory_region *region)
{
    return memory_kind_reclaimable((enum memory_kind)region->kind) && !memory_region_low(region);
}

/*
 * The temporary segments leave their place in the image and enter the direct map. Where that fails for want of page
 * tables they stay ours, and in the ledger's `used`: nothing of them is freed.
 */
static enum status move_temporary_segments(struct mm *mm)
{
    spinlock_acquire(&mm->vspace.lock);
    enum status status = unmap_temporary_segments(mm);
    for (uint32_t i = 0; i < mm->map.count && status == STATUS_OK; i++) {
        const struct memory_region *region = &mm->map.regions[i];
        if (is_awaiting(region) && region->kind == MEMORY_KERNEL_BOOT)
            status = map_directly(mm, region->range);
    }
    spinlock_release(&mm->vspace.lock);
    return status;
}

static void release_piece(struct mm *mm, struct prange piece, enum memory_kind kind)
{
    if (kind == MEMORY_KERNEL_BOOT && mm->boot_retained) {
        page_array_set_kind(&mm->pages, piece, PAGE_KERNEL);
        mm->image_pages += prange_pages(piece);
        return;
    }
    page_array_set_kind(&mm->pages, piece, PAGE_FRAME);
    frames_add(&mm->frames, piece);
    if (kind == MEMORY_BOOT_SERVICES)
        mm->reclaimed_pages += prange_pages(piece);
}

static void keep_piece(struct mm *mm, struct prange piece)
{
    page_array_set_kind(&mm->pages, piece, PAGE_FIRMWARE);
    mm->kept_pages += prange_pages(piece);
}

static void release_region(struct mm *mm, const struct memory_region *region)
{
    struct prange rest = region->range;
    while (!prange_empty(rest)) {
        struct prange piece;
        if (keep_next(&mm->keep, &rest, &piece))
            keep_piece(mm, piece);
        else
            release_piece(mm, piece, (enum memory_kind)region->kind);
    }
}

void mm_reclaim(struct mm *mm, const struct page_array_token *token)
{
    CHECK(page_array_token_valid(&mm->pages, token));
    CHECK(mm->frames_started);
    CHECK(!mm->reclaimed);
    mm->boot_retained = move_temporary_segments(mm) != STATUS_OK;
    for (uint32_t i = 0; i < mm->map.count; i++) {
        if (is_awaiting(&mm->map.regions[i]))
            release_region(mm, &mm->map.regions[i]);
    }
    mm->reclaimed = true;
}
