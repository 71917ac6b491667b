/*
 * The firmware's lower half: regions of the mended map, code found by the firmware's own descriptors, flags narrowed by
 * its memory-attributes table.
 *
 * Regions are disjoint and whole pages (mm/memmap.h), so they are what gets mapped; descriptors may overlap and lie, so
 * they only change the flags of what is mapped already.
 */
#include "kernel/runtime_map.h"

#include "kernel/base/string.h"

#define HALF_4_LEVELS ((uint64_t)1 << 47) /* end of the lower half: SDM volume 3, 4.5 */
#define HALF_5_LEVELS ((uint64_t)1 << 56)

static bool is_runtime(const struct memory_region *region)
{
    return region->runtime || region->kind == MEMORY_RUNTIME;
}

static bool is_code(const struct efi_memory_descriptor *descriptor)
{
    return descriptor->type == EFI_RUNTIME_SERVICES_CODE || descriptor->type == EFI_BOOT_SERVICES_CODE ||
           descriptor->type == EFI_LOADER_CODE;
}

/* 1:1 ranges of the lower half only: false for the rest of what 52 bits can say. */
static bool is_reachable(const struct page_map *space, struct prange range)
{
    return range.end.value <= (space->levels == 5 ? HALF_5_LEVELS : HALF_4_LEVELS);
}

static enum status map_regions(struct page_map *space, const struct memmap *map, struct runtime_map_report *report)
{
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->regions[i];
        if (!is_runtime(region))
            continue;
        if (!is_reachable(space, region->range)) {
            report->unreachable_count++;
            continue;
        }
        uint32_t flags = PAGING_WRITE | (region->kind == MEMORY_MMIO ? PAGING_UNCACHED : 0);
        enum status status = paging_map(space, VADDR(region->range.start.value), region->range, flags);
        if (status != STATUS_OK)
            return status;
        report->region_count++;
    }
    return STATUS_OK;
}

/* The pages of the descriptor, empty when it is malformed; memmap_build has mended, dropped and counted such. */
static struct prange descriptor_range(const struct efi_memory_descriptor *descriptor)
{
    uint64_t start = align_down(descriptor->physical_start, PAGE_SIZE);
    if (start >= MEMMAP_PHYSICAL_END || descriptor->number_of_pages > (MEMMAP_PHYSICAL_END - start) >> PAGE_SHIFT)
        return PRANGE(0, 0);
    return PRANGE(start, start + (descriptor->number_of_pages << PAGE_SHIFT));
}

static enum status apply_descriptor(struct page_map *space, const struct memmap *map,
                                    const struct efi_memory_descriptor *descriptor)
{
    struct prange range = descriptor_range(descriptor);
    for (uint32_t i = memmap_find(map, range.start); i < map->count; i++) {
        const struct memory_region *region = &map->regions[i];
        struct prange part = prange_intersect(region->range, range);
        if (prange_empty(part))
            break;
        if (!is_runtime(region) || region->kind == MEMORY_MMIO || !is_reachable(space, region->range))
            continue;
        uint32_t flags = is_code(descriptor) ? PAGING_FIRMWARE_RWX : PAGING_WRITE;
        if ((descriptor->attribute & EFI_MEMORY_WB) == 0)
            flags |= PAGING_UNCACHED;
        enum status status = paging_protect(space, VADDR(part.start.value), prange_bytes(part), flags);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status map_page_zero(struct page_map *space)
{
    struct paging_entry entry;
    if (paging_lookup(space, VADDR(0), &entry))
        return STATUS_OK;
    return paging_map(space, VADDR(0), PRANGE(0, PAGE_SIZE), PAGING_WRITE);
}

enum status runtime_map_build(struct page_map *space, const struct runtime_map_source *source,
                              struct runtime_map_report *report)
{
    memset(report, 0, sizeof(*report));
    enum status status = map_regions(space, source->map, report);
    for (uint32_t i = 0; status == STATUS_OK && i < source->descriptor_count; i++) {
        const struct efi_memory_descriptor *descriptor = &source->descriptors[i];
        if (is_code(descriptor) || (descriptor->attribute & EFI_MEMORY_WB) == 0)
            status = apply_descriptor(space, source->map, descriptor);
    }
    return status == STATUS_OK ? map_page_zero(space) : status;
}

uint64_t runtime_map_attributes_bytes(const struct efi_memory_attributes_table *header)
{
    if (header->version != 1 && header->version != 2)
        return 0;
    if (header->descriptor_size < sizeof(struct efi_memory_descriptor) || header->descriptor_size > PAGE_SIZE)
        return 0;
    if (header->descriptor_size % 8 != 0 || header->entry_count > RUNTIME_MAP_ATTRIBUTES_MAX)
        return 0;
    return sizeof(*header) + (uint64_t)header->entry_count * header->descriptor_size;
}

static const struct efi_memory_descriptor *attributes_entry(const struct efi_memory_attributes_table *table,
                                                            uint32_t index)
{
    const uint8_t *entries = (const uint8_t *)(table + 1);
    return (const struct efi_memory_descriptor *)(const void *)(entries + (size_t)index * table->descriptor_size);
}

static const struct memory_region *region_around(const struct memmap *map, struct prange range)
{
    uint32_t index = memmap_find(map, range.start);
    if (prange_empty(range) || index == map->count)
        return NULL;
    const struct memory_region *region = &map->regions[index];
    bool inside = region->range.start.value <= range.start.value && range.end.value <= region->range.end.value;
    return inside && is_runtime(region) ? region : NULL;
}

/* The rules of UEFI 2.10, 4.6.4 for one entry by itself. */
static bool attributes_sound(const struct page_map *space, const struct memmap *map,
                             const struct efi_memory_descriptor *entry)
{
    if (entry->type != EFI_RUNTIME_SERVICES_CODE && entry->type != EFI_RUNTIME_SERVICES_DATA)
        return false;
    if ((entry->physical_start & PAGE_MASK) != 0)
        return false;
    if ((entry->attribute & (EFI_MEMORY_RO | EFI_MEMORY_XP)) == 0)
        return false;
    struct prange range = descriptor_range(entry);
    const struct memory_region *region = region_around(map, range);
    return region != NULL && region->kind == MEMORY_RUNTIME && is_reachable(space, range);
}

/* Whether entry `index` overlaps a sound one before it. */
static bool attributes_overlap(const struct page_map *space, const struct memmap *map,
                               const struct efi_memory_attributes_table *table, uint32_t index)
{
    struct prange range = descriptor_range(attributes_entry(table, index));
    for (uint32_t i = 0; i < index; i++) {
        const struct efi_memory_descriptor *before = attributes_entry(table, i);
        if (prange_overlaps(descriptor_range(before), range) && attributes_sound(space, map, before))
            return true;
    }
    return false;
}

static bool attributes_apply(struct page_map *space, const struct efi_memory_descriptor *entry)
{
    struct prange range = descriptor_range(entry);
    struct paging_entry mapped;
    if (!paging_lookup(space, VADDR(range.start.value), &mapped))
        return false;
    uint32_t flags = mapped.flags & PAGING_UNCACHED;
    if ((entry->attribute & EFI_MEMORY_RO) == 0)
        flags |= PAGING_WRITE;
    if ((entry->attribute & EFI_MEMORY_XP) == 0)
        flags |= PAGING_EXECUTE;
    return paging_protect(space, VADDR(range.start.value), prange_bytes(range), flags) == STATUS_OK;
}

void runtime_map_attributes(struct page_map *space, const struct memmap *map,
                            const struct efi_memory_attributes_table *table, struct runtime_map_report *report)
{
    for (uint32_t i = 0; i < table->entry_count; i++) {
        const struct efi_memory_descriptor *entry = attributes_entry(table, i);
        bool applied = attributes_sound(space, map, entry) && !attributes_overlap(space, map, table, i) &&
                       attributes_apply(space, entry);
        if (applied)
            report->attributes_applied++;
        else
            report->attributes_ignored++;
    }
}

bool runtime_map_holds(const struct memmap *map, uint64_t address, uint64_t size_bytes)
{
    if (address >= MEMMAP_PHYSICAL_END || size_bytes == 0 || size_bytes > MEMMAP_PHYSICAL_END - address)
        return false;
    return region_around(map, PRANGE(address, address + size_bytes)) != NULL;
}
