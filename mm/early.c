/* The first allocator: a count of pages taken from the end of each conventional region. See early.h. */
#include "mm/early.h"

#include "kernel/base/check.h"

static bool is_usable(const struct memory_region *region)
{
    return region->kind == MEMORY_CONVENTIONAL && !memory_region_low(region);
}

static struct paddr split_point(const struct memory_region *region)
{
    CHECK(is_usable(region));
    return PADDR(region->range.end.value - ((uint64_t)region->early_pages << PAGE_SHIFT));
}

struct prange early_rest(const struct memory_region *region)
{
    return (struct prange){region->range.start, split_point(region)};
}

struct prange early_taken(const struct memory_region *region)
{
    return (struct prange){split_point(region), region->range.end};
}

void early_init(struct early *early, struct memmap *map)
{
    *early = (struct early){.map = map, .free_pages = memmap_pages(map, MEMORY_CONVENTIONAL, false)};
}

/* The region of most pages left, of those that end at or below the limit. */
static struct memory_region *largest_region(struct memmap *map, uint64_t limit)
{
    struct memory_region *largest = NULL;
    uint64_t largest_pages = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        struct memory_region *region = &map->regions[i];
        if (!is_usable(region) || region->range.end.value > limit)
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
    CHECK(region->early_pages + page_count <= UINT32_MAX);
    region->early_pages += (uint32_t)page_count;
    CHECK(early->free_pages >= page_count);
    early->free_pages -= page_count;
    early->used_pages += page_count;
    return split_point(region);
}

void early_close(struct early *early)
{
    CHECK(!early->closed);
    early->closed = true;
    early->free_pages = 0;
}
