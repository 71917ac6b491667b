/*
 * The first allocator: a count of pages taken from the end of each conventional region. See early.h.
 *
 *     region   | early_rest: still free, one run          |   early_taken  |
 *              start                                    <--| grows downwards  end
 *
 * So the whole state is one number a region, and what is left needs no list when the frame allocator takes it over.
 * From the largest region: a long run fits there, and the small ones stay whole. Nothing is ever given back.
 */
#include "mm/early.h"

/* The region of most pages left, of those that end at or below the limit. */
static struct memory_region *largest_region(struct memmap *map, uint64_t limit)
{
    struct memory_region *largest = NULL;
    uint64_t largest_pages = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        struct memory_region *region = &map->regions[i];
        /* As a whole below the limit: regions are cut at 4 GiB (memmap.c), so nothing is lost by that. */
        if (!early_usable(region) || region->range.end.value > limit)
            continue;
        uint64_t pages = prange_pages(early_rest(region));
        if (pages > largest_pages) {
            largest = region;
            largest_pages = pages;
        }
    }
    return largest;
}

struct paddr early_alloc(struct early *early, uint64_t page_count, uint64_t limit)
{
    CHECK(!early->closed);
    CHECK(page_count > 0);
    struct memory_region *region = largest_region(early->map, limit);
    if (region == NULL || prange_pages(early_rest(region)) < page_count)
        return PADDR(0);
    CHECK(region->early_pages + page_count <= UINT32_MAX); /* 16 TiB of early pages */
    region->early_pages += (uint32_t)page_count;
    CHECK(early->free_pages >= page_count);
    early->free_pages -= page_count;
    early->used_pages += page_count;
    return early_taken(region).start;
}

void early_close(struct early *early)
{
    CHECK(!early->closed);
    early->closed = true;
    early->free_pages = 0;
}
