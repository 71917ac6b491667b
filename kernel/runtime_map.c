/*
 * The firmware's lower half: regions of the mended map, code found by the firmware's own descriptors, flags narrowed by
 * its memory-attributes table.
 *
 * Regions are disjoint and whole pages (mm/memmap.h), so they are what gets mapped; descriptors may overlap and lie, so
 * they only change the flags of what is mapped already.
 *
 *     2^64 +------------------------------+
 *          | the kernel's half, shared    |   arguments and the firmware's stack are here
 *          +------------------------------+
 *          | not there                    |   a stray pointer faults, and kernel/runtime.c contains it
 *          | MMIO with RUNTIME: flash     |   read, write, uncached
 *          | not there                    |
 *          | runtime code                 |   read, write, execute; then as the attributes table narrows it
 *          | runtime data                 |   read, write
 *          | not there                    |   all other RAM, ours above all
 *       0  | page 0                       |   read, write (firmware-quirk 21)
 *          +------------------------------+
 */
#include "kernel/runtime_map.h"

static bool is_runtime(const struct memory_region *region)
{
    return region->runtime || region->kind == MEMORY_RUNTIME;
}

/* Runtime memory that the lower half (SDM volume 3, 4.5) can hold 1:1; 52 bits can say more. */
static bool is_mapped(const struct page_map *space, const struct memory_region *region)
{
    return is_runtime(region) && region->range.end.value <= (uint64_t)1 << (space->levels == 5 ? 56 : 47);
}

/*
 * Whether code may lie there. Firmware keeps runtime code in all three types of code, and adds the RUNTIME bit; with
 * that bit, types that say nothing of their content may hold it too.
 */
static bool is_code(const struct efi_memory_descriptor *descriptor)
{
    uint64_t wanted = EFI_MEMORY_RUNTIME | EFI_MEMORY_WB; /* registers hold none */
    bool runtime = (descriptor->attribute & wanted) == wanted;
    uint32_t type = descriptor->type;
    return type == EFI_RUNTIME_SERVICES_CODE || type == EFI_BOOT_SERVICES_CODE || type == EFI_LOADER_CODE ||
           (runtime && (type == EFI_RESERVED_MEMORY || type == EFI_CONVENTIONAL_MEMORY));
}

/* All of it as data: apply_descriptor makes code of what is code. */
static enum status map_regions(struct page_map *space, const struct memmap *map)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < map->count; i++) {
        const struct memory_region *region = &map->regions[i];
        uint32_t flags = PAGING_WRITE | (region->kind == MEMORY_MMIO ? PAGING_UNCACHED : 0);
        if (is_mapped(space, region))
            status = paging_map(space, VADDR(region->range.start.value), region->range, flags);
    }
    return status;
}

/* The pages that the descriptor touches, none when it is malformed; memmap_build has counted such. */
static struct prange descriptor_range(const struct efi_memory_descriptor *descriptor)
{
    uint64_t start = descriptor->physical_start;
    uint64_t pages = descriptor->number_of_pages;
    if (pages == 0 || start >= MEMMAP_PHYSICAL_END || pages > (MEMMAP_PHYSICAL_END - start) >> PAGE_SHIFT)
        return PRANGE(0, 0);
    return prange_page_outward(PRANGE(start, start + (pages << PAGE_SHIFT)));
}

/* Code becomes executable, what is not write-back uncached. */
static enum status apply_descriptor(struct page_map *space, const struct memmap *map,
                                    const struct efi_memory_descriptor *descriptor)
{
    struct prange range = descriptor_range(descriptor);
    uint32_t flags = is_code(descriptor) ? PAGING_FIRMWARE_RWX : PAGING_WRITE;
    if ((descriptor->attribute & EFI_MEMORY_WB) == 0)
        flags |= PAGING_UNCACHED;
    enum status status = STATUS_OK;
    for (uint32_t i = memmap_find(map, range.start); status == STATUS_OK && i < map->count; i++) {
        const struct memory_region *region = &map->regions[i];
        struct prange part = prange_intersect(region->range, range);
        if (prange_empty(part))
            break;
        if (is_mapped(space, region) && region->kind != MEMORY_MMIO)
            status = paging_protect(space, VADDR(part.start.value), prange_bytes(part), flags);
    }
    return status;
}

enum status runtime_map_build(struct page_map *space, const struct memmap *map,
                              const struct efi_memory_descriptor *descriptors, uint32_t descriptor_count)
{
    struct paging_entry entry;
    enum status status = map_regions(space, map);
    for (uint32_t i = 0; status == STATUS_OK && i < descriptor_count; i++)
        if (is_code(&descriptors[i]) || (descriptors[i].attribute & EFI_MEMORY_WB) == 0)
            status = apply_descriptor(space, map, &descriptors[i]);
    /* Unless a runtime region begins there, as on one machine whose page 0 is runtime data. */
    if (status == STATUS_OK && !paging_lookup(space, VADDR(0), &entry))
        status = paging_map(space, VADDR(0), PRANGE(0, PAGE_SIZE), PAGING_WRITE);
    return status;
}

uint64_t runtime_map_attributes_bytes(const struct efi_memory_attributes_table *header)
{
    bool good = (header->version == 1 || header->version == 2) && header->descriptor_size % 8 == 0 &&
                header->descriptor_size >= sizeof(struct efi_memory_descriptor) &&
                header->descriptor_size <= PAGE_SIZE && header->entry_count <= RUNTIME_MAP_ATTRIBUTES_MAX;
    return good ? sizeof(*header) + (uint64_t)header->entry_count * header->descriptor_size : 0;
}

static const struct efi_memory_descriptor *attributes_entry(const struct efi_memory_attributes_table *table,
                                                            uint32_t index)
{
    const uint8_t *entries = (const uint8_t *)(table + 1);
    return (const struct efi_memory_descriptor *)(const void *)(entries + (size_t)index * table->descriptor_size);
}

/* The one region of runtime memory that the range lies in, or NULL. */
static const struct memory_region *region_around(const struct memmap *map, struct prange range)
{
    uint32_t index = memmap_find(map, range.start);
    if (prange_empty(range) || index == map->count)
        return NULL;
    const struct memory_region *region = &map->regions[index];
    bool inside = region->range.start.value <= range.start.value && range.end.value <= region->range.end.value;
    return inside && is_runtime(region) ? region : NULL;
}

/* The pages of entry `index`, or none when by itself it breaks a rule of UEFI 2.10, 4.6.4. */
static struct prange sound_range(const struct page_map *space, const struct memmap *map,
                                 const struct efi_memory_attributes_table *table, uint32_t index)
{
    const struct efi_memory_descriptor *entry = attributes_entry(table, index);
    struct prange range = descriptor_range(entry);
    const struct memory_region *region = region_around(map, range);
    bool sound = (entry->type == EFI_RUNTIME_SERVICES_CODE || entry->type == EFI_RUNTIME_SERVICES_DATA) &&
                 (entry->attribute & (EFI_MEMORY_RO | EFI_MEMORY_XP)) != 0 &&
                 (entry->physical_start & PAGE_MASK) == 0 && region != NULL && region->kind == MEMORY_RUNTIME &&
                 is_mapped(space, region);
    return sound ? range : PRANGE(0, 0);
}

/* Takes away what the attributes forbid; what is uncached stays so. False: not all of it is mapped. */
static bool narrow(struct page_map *space, struct prange range, uint64_t attribute)
{
    uint32_t access = ((attribute & EFI_MEMORY_RO) == 0 ? PAGING_WRITE : 0) |
                      ((attribute & EFI_MEMORY_XP) == 0 ? PAGING_EXECUTE : 0);
    return paging_protect(space, VADDR(range.start.value), prange_bytes(range), access | PAGING_KEEP_CACHE) ==
           STATUS_OK;
}

uint32_t runtime_map_attributes(struct page_map *space, const struct memmap *map,
                                const struct efi_memory_attributes_table *table)
{
    uint32_t ignored_count = 0;
    for (uint32_t i = 0; i < table->entry_count; i++) {
        struct prange range = sound_range(space, map, table, i);
        bool good = !prange_empty(range);
        /* Quadratic, over 20 to 70 entries, once. Sound ones only count: a bad entry must not knock out a good one. */
        for (uint32_t before = 0; good && before < i; before++)
            good = !prange_overlaps(sound_range(space, map, table, before), range);
        if (!good || !narrow(space, range, attributes_entry(table, i)->attribute))
            ignored_count++;
    }
    return ignored_count;
}

bool runtime_map_holds(const struct memmap *map, uint64_t address, uint64_t size_bytes)
{
    if (address >= MEMMAP_PHYSICAL_END || size_bytes > MEMMAP_PHYSICAL_END - address)
        return false;
    return region_around(map, PRANGE(address, address + size_bytes)) != NULL;
}
