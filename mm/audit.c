/*
 * What the memory manager says about itself: the ledger's terms, and whether allocator, page array and map agree.
 *
 *     term       asked of                               term        asked of
 *     total      the regions (memmap.c)                 used        image pages + early.c + frames handed out
 *     low        the regions below 1 MiB                free        early.c before mm_start_frames, the frames after
 *     firmware   regions that are not ours, + kept      awaiting    reclaimable regions, until reclaim
 *
 * Rules: each term is asked of its owner, none is what the others leave: that is what makes the sum a test. The audit
 * states for every piece of the map which kind its entries must have and whether its frames may be free; it changes
 * nothing. Both are for quiet moments: while another CPU allocates, free and used are read at different times.
 */
#include "mm/mm.h"

void mm_ledger(struct mm *mm, struct ledger *ledger)
{
    *ledger = (struct ledger){.mended = mm->map.mended, .reclaimed = mm->reclaimed_pages};
    for (enum memory_kind kind = 0; kind < MEMORY_KIND_COUNT; kind++) {
        uint64_t low = memmap_pages(&mm->map, kind, true);
        uint64_t high = memmap_pages(&mm->map, kind, false);
        /*
         * Listed above the line: devices and reserved blocks are address space, not memory that anybody could get back.
         */
        if (!memory_kind_counted(kind)) {
            ledger->listed[kind] = low + high;
            continue;
        }
        ledger->total += low + high;
        ledger->low += low;
        if (!memory_kind_ours(kind))
            ledger->firmware += high;
        if (memory_kind_reclaimable(kind) && !mm->reclaimed)
            ledger->awaiting += high;
    }
    /* Its tables in what was boot-services memory: given to it for good by mm_reclaim. */
    ledger->firmware += mm->kept_pages;
    ledger->used = mm->image_pages + mm->early.used_pages;
    ledger->free = mm->early.free_pages;
    if (mm->frames_started) {
        ledger->used += frames_used_count(&mm->frames);
        ledger->free += frames_free_count(&mm->frames);
    }
    ledger_balance(ledger);
}

struct audit {
    struct mm *mm;
    uint64_t frame_pages; /* of all pieces whose frames are the allocator's */
    bool agrees;
};

/* Only the allocator's frames may be free. Low memory and what is not counted may lie in blocks without entries. */
static void audit_piece(struct audit *audit, struct prange piece, enum page_kind kind)
{
    struct mm *mm = audit->mm;
    audit->agrees &= page_array_is_kind(&mm->pages, piece, kind);
    if (kind == PAGE_FRAME)
        audit->frame_pages += prange_pages(piece);
    else
        audit->agrees &= frames_free_in(&mm->frames, piece) == 0;
}

static void audit_reclaimed(struct audit *audit, const struct memory_region *region)
{
    /* The .boot pages stay ours where unmapping them failed for want of a page table (reclaim.c). */
    bool retained = region->kind == MEMORY_KERNEL_BOOT && audit->mm->boot_retained;
    struct prange rest = region->range;
    while (!prange_empty(rest)) {
        struct prange piece;
        bool kept = keep_next(&audit->mm->keep, &rest, &piece);
        audit_piece(audit, piece, kept ? PAGE_FIRMWARE : retained ? PAGE_KERNEL : PAGE_FRAME);
    }
}

static void audit_region(struct audit *audit, const struct memory_region *region)
{
    enum page_kind kind = page_kind_of(region);
    if (kind == PAGE_FRAME) {
        audit_piece(audit, early_rest(region), PAGE_FRAME);
        audit_piece(audit, early_taken(region), PAGE_KERNEL);
    } else if (kind == PAGE_AWAITING && audit->mm->reclaimed) {
        audit_reclaimed(audit, region);
    } else {
        audit_piece(audit, region->range, kind);
    }
}

enum status mm_audit(struct mm *mm)
{
    struct audit audit = {.mm = mm, .agrees = true};
    for (uint32_t i = 0; i < mm->map.count; i++)
        audit_region(&audit, &mm->map.regions[i]);
    /* The map, the entries and the allocator count the same frames in three ways of their own. */
    if (!audit.agrees || audit.frame_pages != frames_free_count(&mm->frames) + frames_used_count(&mm->frames))
        return STATUS_INVALID;
    struct ledger ledger;
    mm_ledger(mm, &ledger);
    enum status status = frames_audit(&mm->frames);
    return status == STATUS_OK ? ledger_check(&ledger) : status;
}
