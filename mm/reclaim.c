/*
 * Phase R: what the firmware borrowed, and what we needed to get here, becomes free. Rule 10 of the design.
 *
 * Owns: the keep list and mm_reclaim. The order is held by the token: a frame is freed only when its own entry in the
 * page array exists, and Linux has lost memory for ten years to the lack of exactly that (firmware-quirks: the leak).
 * Rules: walks ranges, never single pages; nothing below 1 MiB is looked at; the kept ranges are the firmware's for
 * ever.
 */
#include "mm/mm.h"

enum status mm_keep(struct mm *mm, struct prange range)
{
    CHECK(!mm->reclaimed);
    if (prange_empty(range) || range.end.value > MEMMAP_PHYSICAL_END)
        return STATUS_INVALID;
    return keep_add(&mm->keep, range);
}

/*
 * The temporary segments leave their place in the image and enter the direct map, where code has no alias. Where that
 * fails for want of page tables they stay ours, and in the ledger's `used`: nothing of them is freed.
 */
static enum status move_temporary_segments(struct mm *mm)
{
    enum status status = STATUS_OK;
    spinlock_acquire(&mm->vspace.lock);
    /*
     * Unmapped in the image before they are mapped as data: there is no moment with an executable alias that can be
     * written.
     */
    for (uint32_t i = 0; i < mm->config.segment_count && status == STATUS_OK; i++) {
        const struct mm_segment *segment = &mm->config.segments[i];
        if (segment->temporary)
            status = paging_unmap(&mm->kernel_map, segment->address, prange_bytes(segment->range));
    }
    for (uint32_t i = 0; i < mm->map.count && status == STATUS_OK; i++) {
        const struct memory_region *region = &mm->map.regions[i];
        struct vaddr start = mm_direct_address(mm, region->range.start);
        if (region->kind == MEMORY_KERNEL_BOOT && page_kind_of(region) == PAGE_AWAITING)
            status = paging_map(&mm->kernel_map, start, region->range, PAGING_WRITE | PAGING_GLOBAL);
    }
    spinlock_release(&mm->vspace.lock);
    return status;
}

static void release_region(struct mm *mm, const struct memory_region *region)
{
    bool retained = region->kind == MEMORY_KERNEL_BOOT && mm->boot_retained;
    struct prange rest = region->range;
    while (!prange_empty(rest)) {
        struct prange piece;
        bool kept = keep_next(&mm->keep, &rest, &piece);
        /* The entry before the frame: once frames_add has it, another CPU may allocate it and ask what it is. */
        page_array_set_kind(&mm->pages, piece, kept ? PAGE_FIRMWARE : retained ? PAGE_KERNEL : PAGE_FRAME);
        if (kept)
            mm->kept_pages += prange_pages(piece);
        else if (retained)
            mm->image_pages += prange_pages(piece);
        else
            frames_add(&mm->frames, piece);
        if (!kept && region->kind == MEMORY_BOOT_SERVICES)
            mm->reclaimed_pages += prange_pages(piece);
    }
}

void mm_reclaim(struct mm *mm, const struct page_array_token *token)
{
    CHECK(page_array_token_valid(&mm->pages, token));
    CHECK(mm->frames_started);
    CHECK(!mm->reclaimed);
    /* First, while nothing is freed yet: it may need page tables, and it may fail. */
    mm->boot_retained = move_temporary_segments(mm) != STATUS_OK;
    for (uint32_t i = 0; i < mm->map.count; i++) {
        if (page_kind_of(&mm->map.regions[i]) == PAGE_AWAITING)
            release_region(mm, &mm->map.regions[i]);
    }
    mm->reclaimed = true;
}
