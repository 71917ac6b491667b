/*
 * The memory manager's order of life up to reclaim (mm/reclaim.c), and small services around it. See mm.h.
 *
 *     mm_begin      descriptors --> regions          pages from early.c       window: what the caller's tables map 1:1
 *     mm_build_map  regions     --> page tables      pages from early.c
 *     -- the caller loads CR3 --
 *     mm_use_direct_map                                                       window: the direct map
 *     mm_start_frames  regions  --> sections, bits   pages from early.c, for the last time; the rest becomes frames
 *
 * Rules: a pointer made through one window is dead after the change to the other, so what lives on is kept as a
 * physical address (regions_address, firmware_map_address) and turned into a pointer when it is used.
 */
#include "mm/mm.h"

#include "kernel/base/string.h"

_Static_assert(MM_BUSY_MAX + MM_SEGMENTS_MAX <= MEMMAP_CLAIMS_MAX, "every range of the configuration is a claim");
_Static_assert(DIRECT_MAP_BYTES <= (uint64_t)FRAMES_SECTIONS_MAX * SECTION_BYTES, "what is reached can be allocated");

/* What starting CPUs load into CR3 from 32-bit code, and small things generally, are best below 4 GiB. */
static struct paddr early_alloc_low(struct mm *mm, uint64_t page_count)
{
    struct paddr address = early_alloc(&mm->early, page_count, EARLY_BELOW_4G);
    return address.value != 0 ? address : early_alloc(&mm->early, page_count, EARLY_ANYWHERE);
}

static uint32_t make_claims(const struct mm_config *config, struct memmap_claim *claims)
{
    CHECK(config->segment_count <= MM_SEGMENTS_MAX);
    CHECK(config->busy_count <= MM_BUSY_MAX);
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->segment_count; i++) {
        const struct mm_segment *segment = &config->segments[i];
        enum memory_kind kind = segment->temporary ? MEMORY_KERNEL_BOOT : MEMORY_KERNEL;
        claims[count++] = (struct memmap_claim){prange_page_outward(segment->range), kind};
    }
    for (uint32_t i = 0; i < config->busy_count; i++)
        claims[count++] = (struct memmap_claim){prange_page_outward(config->busy[i]), MEMORY_LOADER};
    return count;
}

/*
 * Moves the regions out of the scratch memory and the descriptors out of boot/'s buffer: those are given back. In two
 * pieces, because memory may be scattered.
 */
static enum status store_map(struct mm *mm)
{
    uint64_t region_bytes = mm->map.count * sizeof(struct memory_region);
    uint64_t descriptor_bytes = mm->map.descriptor_count * sizeof(struct efi_memory_descriptor);
    /* Both before either is filled: early_alloc_low writes to the regions that are about to be copied. */
    mm->firmware_map_address = early_alloc_low(mm, pages_for_bytes(descriptor_bytes));
    mm->regions_address = early_alloc_low(mm, pages_for_bytes(region_bytes));
    if (mm->firmware_map_address.value == 0 || mm->regions_address.value == 0)
        return STATUS_NO_MEMORY;

    struct memory_region *regions = mm_pointer(mm, mm->regions_address);
    memcpy(regions, mm->map.regions, region_bytes); /* after early_alloc_low, which changed some of them */
    mm->map.regions = regions;
    struct efi_memory_descriptor *descriptors = mm_pointer(mm, mm->firmware_map_address);
    /* Packed to 40 bytes, whatever the firmware's stride: `map` prints them, kernel/runtime_map.c reads them again. */
    for (uint32_t i = 0; i < mm->map.descriptor_count; i++)
        descriptors[i] = memmap_descriptor(&mm->config.map, i);
    return STATUS_OK;
}

enum status mm_begin(struct mm *mm, const struct mm_config *config)
{
    struct memmap_claim claims[MEMMAP_CLAIMS_MAX];
    mm->config = *config;
    mm->window = config->window;
    uint32_t claim_count = make_claims(config, claims);
    enum status status = memmap_build(&mm->map, &config->map, claims, claim_count, DIRECT_MAP_BYTES, config->scratch);
    if (status != STATUS_OK)
        return status;
    /* Counted in the map rather than taken from the headers: only what a descriptor lies under is in the total. */
    mm->image_pages = memmap_pages(&mm->map, MEMORY_KERNEL, false);
    early_init(&mm->early, &mm->map);
    return mm->early.free_pages != 0 ? store_map(mm) : STATUS_NO_MEMORY;
}

/* Page tables come from early allocation first, then from the frames. */
static struct paddr table_alloc(void *context)
{
    struct mm *mm = context;
    /* Spares first: they can serve nothing else. */
    struct paddr spare = mm->spare_tables;
    if (spare.value != 0) {
        mm->spare_tables = *(struct paddr *)mm_pointer(mm, spare);
        return spare;
    }
    return mm->frames_started ? frames_take(&mm->frames, 0, FRAMES_NO_LIMIT) : early_alloc_low(mm, 1);
}

/* Early pages never become frames: a table made of one waits, in a list through its first word, for the next need. */
static void table_free(void *context, struct paddr table)
{
    struct mm *mm = context;
    const struct memory_region *region = &mm->map.regions[memmap_find(&mm->map, table)];
    /* Early pages are the pages of this region's end: everything before it came from the frames. */
    if (!early_usable(region) || !prange_contains(early_taken(region), table)) {
        frames_give(&mm->frames, table, 0);
        return;
    }
    *(struct paddr *)mm_pointer(mm, table) = mm->spare_tables;
    mm->spare_tables = table;
}

/* RAM that is or becomes ours, and ACPI's. Not the image, and not the runtime services' own memory. */
static const bool directly_mapped[MEMORY_KIND_COUNT] = {
    [MEMORY_CONVENTIONAL] = true, [MEMORY_LOADER] = true,   [MEMORY_BOOT_SERVICES] = true,
    [MEMORY_ACPI_RECLAIM] = true, [MEMORY_ACPI_NVS] = true,
};

static bool is_directly_mapped(const struct mm *mm, const struct memory_region *region)
{
    /* The .boot segments have an alias here only when they are no longer code (move_temporary_segments). */
    if (region->kind == MEMORY_KERNEL_BOOT)
        return mm->reclaimed && !mm->boot_retained && !memory_region_low(region);
    return directly_mapped[region->kind] && region->range.end.value <= DIRECT_MAP_BYTES;
}

/* Neighbours of different kinds are one run, so that large pages cover their borders. */
static enum status map_ram(struct mm *mm)
{
    const struct memory_region *region = mm->map.regions;
    const struct memory_region *end = region + mm->map.count;
    enum status status = STATUS_OK;
    while (region < end && status == STATUS_OK) {
        const struct memory_region *first = region++;
        struct prange run = first->range;
        if (!is_directly_mapped(mm, first))
            continue;
        for (; region < end && region->range.start.value == run.end.value && is_directly_mapped(mm, region); region++)
            run.end = region->range.end;
        CHECK(run.end.value <= VSPACE_WINDOW - mm->config.layout.direct_map);
        status = paging_map(&mm->kernel_map, mm_direct_address(mm, run.start), run, PAGING_WRITE | PAGING_GLOBAL);
    }
    return status;
}

bool mm_in_direct_map(const struct mm *mm, struct prange range)
{
    /* From region to region, with no hole between them. */
    for (uint32_t i = memmap_find(&mm->map, range.start); i < mm->map.count; i++) {
        const struct memory_region *region = &mm->map.regions[i];
        if (region->range.start.value > range.start.value || !is_directly_mapped(mm, region))
            return false;
        if (region->range.end.value >= range.end.value)
            return true;
        range.start = region->range.end;
    }
    return false;
}

static enum status map_image(struct mm *mm)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < mm->config.segment_count && status == STATUS_OK; i++) {
        const struct mm_segment *segment = &mm->config.segments[i];
        status = paging_map(&mm->kernel_map, segment->address, segment->range, segment->flags | PAGING_GLOBAL);
    }
    return status;
}

enum status mm_build_map(struct mm *mm)
{
    struct table_source source = {.alloc = table_alloc, .free = table_free, .context = mm};
    enum status status = paging_init(&mm->kernel_map, mm->window, mm->config.levels, mm->config.gigabyte_pages, source);
    if (status == STATUS_OK)
        status = map_ram(mm);
    if (status == STATUS_OK)
        status = map_image(mm);
    if (status == STATUS_OK) /* an address space that shares this half now sees every later mapping */
        status = paging_pin_top(&mm->kernel_map, VADDR(mm->config.layout.vspace), VSPACE_BYTES);
    return status;
}

void mm_use_direct_map(struct mm *mm)
{
    CHECK(!mm->frames_started);
    mm->window = mm->config.direct_map_window;
    mm->kernel_map.window = mm->window;
    mm->map.regions = mm_pointer(mm, mm->regions_address);
}

/* Section table, tables of the page array and frame bits in one piece, then the page array's entries. */
static enum status make_tables(struct mm *mm)
{
    section_measure(&mm->sections, &mm->map);
    uint64_t section_bytes = align_up(section_table_bytes(&mm->sections), 64);
    uint64_t page_bytes = align_up(page_array_table_bytes(mm->sections.count), 64);
    uint64_t frame_bytes = frames_metadata_bytes(mm->sections.count);
    struct paddr memory = early_alloc_low(mm, pages_for_bytes(section_bytes + page_bytes + frame_bytes));
    if (memory.value == 0)
        return STATUS_NO_MEMORY;
    uint8_t *tables = mm_pointer(mm, memory);
    section_build(&mm->sections, &mm->map, tables);
    frames_init(&mm->frames, &mm->sections, tables + section_bytes + page_bytes);
    return page_array_init(&mm->pages, &mm->sections, &mm->map, &mm->early, mm->window, tables + section_bytes);
}

static void start_cpu(struct mm *mm, unsigned number, struct mm_cpu *cpu)
{
    frame_cache_init(&cpu->frames, &mm->frames);
    heap_cache_init(&cpu->heap, &mm->heap, &cpu->frames);
    mm->cpus[number] = cpu;
}

enum status mm_start_frames(struct mm *mm)
{
    CHECK(!mm->frames_started);
    enum status status = make_tables(mm);
    if (status != STATUS_OK)
        return status;
    /* Closed before the first frame is added: from here on a page is the frames' or was taken, never both. */
    early_close(&mm->early);
    for (uint32_t i = 0; i < mm->map.count; i++)
        if (early_usable(&mm->map.regions[i]))
            frames_add(&mm->frames, early_rest(&mm->map.regions[i]));
    mm->frames_started = true;
    heap_init(&mm->heap, mm->window);
    /* The boot CPU's caches are part of struct mm: the heap, which would hold them, needs them for its first slab. */
    start_cpu(mm, 0, &mm->boot_cpu);
    return vspace_init(&mm->vspace, &mm->kernel_map, &mm->frames, VADDR(mm->config.layout.vspace));
}

enum status mm_add_cpu(struct mm *mm, unsigned cpu)
{
    CHECK(mm->frames_started);
    if (cpu >= MM_CPUS_MAX)
        return STATUS_LIMIT;
    CHECK(mm->cpus[cpu] == NULL);
    /* Called on the boot CPU, before the other one runs: so its own caches serve. */
    struct mm_cpu *caches = heap_alloc(&mm->boot_cpu.heap, sizeof(*caches));
    if (caches == NULL)
        return STATUS_NO_MEMORY;
    start_cpu(mm, cpu, caches);
    return STATUS_OK;
}
