/*
 * From descriptors to regions: every range becomes two edges, the edges are sorted, and one sweep over them emits a
 * region wherever the set of ranges in force changes. In the caller's work space.
 *
 *     ranges   A Conventional |-----------------------|
 *              B Reserved             |-----|
 *              C BootServices                    |-------------|
 *     edges                   +A      +B    -B   +C   -A       -C
 *     depth    Conventional   1       1     1    1    0        0
 *              BootServices   0       0     0    1    1        0
 *              Reserved       0       1     0    0    0        0
 *     regions                 [Conv.  [Res. [Conv[BootServices )
 *
 * The region between two edges is of the greatest kind whose depth is not 0; neighbours that are alike join.
 * The sweep needs no case for nesting, repetition or touching ends: they are all just depths. Its cost is the sort's.
 * Rules: nothing here trusts a number; sums are checked before they are made. Our own ranges (claims) go through the
 * same sweep, so nobody has to cut regions up later.
 */
#include "mm/memmap.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"

struct edge {
    uint64_t address;
    uint8_t kind; /* enum memory_kind */
    bool begin;   /* of its range, or the end */
    bool runtime;
    bool claim;
    uint32_t reserved;
};
_Static_assert(sizeof(struct edge) == 16, "MEMMAP_SCRATCH_BYTES");

struct sweep {
    struct memmap *map;
    struct edge *edges;
    uint32_t edge_count;
    uint32_t depth[MEMORY_KIND_COUNT]; /* descriptors and claims in force */
    uint32_t descriptors;              /* descriptors in force */
    uint32_t runtime;                  /* those with the attribute */
};

/* UEFI 2.10, table 7.10. Types that are no kind of memory for us (8: faulty, 13: Itanium's) are as good as reserved. */
static const uint8_t kind_of_type[] = {
    [EFI_RESERVED_MEMORY] = MEMORY_RESERVED,           [EFI_LOADER_CODE] = MEMORY_LOADER,
    [EFI_LOADER_DATA] = MEMORY_LOADER,                 [EFI_BOOT_SERVICES_CODE] = MEMORY_BOOT_SERVICES,
    [EFI_BOOT_SERVICES_DATA] = MEMORY_BOOT_SERVICES,   [EFI_RUNTIME_SERVICES_CODE] = MEMORY_RUNTIME,
    [EFI_RUNTIME_SERVICES_DATA] = MEMORY_RUNTIME,      [EFI_CONVENTIONAL_MEMORY] = MEMORY_CONVENTIONAL,
    [EFI_UNUSABLE_MEMORY] = MEMORY_RESERVED,           [EFI_ACPI_RECLAIM_MEMORY] = MEMORY_ACPI_RECLAIM,
    [EFI_ACPI_NVS_MEMORY] = MEMORY_ACPI_NVS,           [EFI_MMIO] = MEMORY_MMIO,
    [EFI_MMIO_PORT_SPACE] = MEMORY_MMIO,               [EFI_PAL_CODE] = MEMORY_RESERVED,
    [EFI_PERSISTENT_MEMORY] = MEMORY_PERSISTENT,       [EFI_UNACCEPTED_MEMORY] = MEMORY_UNACCEPTED,
};

static const char *const kind_names[MEMORY_KIND_COUNT] = {
    [MEMORY_CONVENTIONAL] = "conventional",   [MEMORY_LOADER] = "loader",
    [MEMORY_BOOT_SERVICES] = "boot-services", [MEMORY_KERNEL_BOOT] = "kernel-boot",
    [MEMORY_KERNEL] = "kernel",               [MEMORY_ACPI_RECLAIM] = "acpi-reclaim",
    [MEMORY_WITHHELD] = "withheld",           [MEMORY_ACPI_NVS] = "acpi-nvs",
    [MEMORY_RUNTIME] = "runtime",             [MEMORY_PERSISTENT] = "persistent",
    [MEMORY_UNACCEPTED] = "unaccepted",       [MEMORY_UNKNOWN] = "unknown",
    [MEMORY_RESERVED] = "reserved",           [MEMORY_MMIO] = "mmio",
};

const char *memory_kind_name(enum memory_kind kind)
{
    CHECK(kind < MEMORY_KIND_COUNT);
    return kind_names[kind];
}

struct efi_memory_descriptor memmap_descriptor(const struct memmap_source *source, uint64_t index)
{
    struct efi_memory_descriptor descriptor;
    CHECK(index < source->size_bytes / source->descriptor_size);
    memcpy(&descriptor, (const uint8_t *)source->descriptors + index * source->descriptor_size, sizeof(descriptor));
    return descriptor;
}

static enum status check_source(struct memmap *map, const struct memmap_source *source)
{
    if (source->descriptor_size < sizeof(struct efi_memory_descriptor))
        return STATUS_INVALID;
    uint64_t count = source->size_bytes / source->descriptor_size;
    if (count == 0)
        return STATUS_INVALID;
    if (count > MEMMAP_DESCRIPTORS_MAX)
        return STATUS_LIMIT;
    map->descriptor_count = (uint32_t)count;
    map->mended.version_other = source->version != EFI_MEMORY_DESCRIPTOR_VERSION;
    map->mended.truncated = source->size_bytes % source->descriptor_size != 0;
    return STATUS_OK;
}

/* RUNTIME beats the type; what is no write-back memory, or set aside for a purpose, is no RAM of ours. */
static enum memory_kind kind_of(const struct efi_memory_descriptor *descriptor, struct memmap_mended *mended)
{
    bool known = descriptor->type < ARRAY_COUNT(kind_of_type);
    enum memory_kind kind = known ? (enum memory_kind)kind_of_type[descriptor->type] : MEMORY_UNKNOWN;
    bool runtime = (descriptor->attribute & EFI_MEMORY_RUNTIME) != 0;
    /* High-bandwidth or far memory: the platform asks that nobody takes it without being told to (7.2.3). */
    bool special = (descriptor->attribute & EFI_MEMORY_SP) != 0;
    bool write_back = (descriptor->attribute & EFI_MEMORY_WB) != 0;

    mended->unknown_type += !known;
    mended->runtime_missing += kind == MEMORY_RUNTIME && !runtime;
    /* Only where the kind is memory: RUNTIME on MMIO or Reserved is the flash, the ECAM: no page of it is counted. */
    if (runtime && memory_kind_counted(kind)) {
        mended->runtime_added += kind != MEMORY_RUNTIME;
        return MEMORY_RUNTIME;
    }
    /* What stays the firmware's needs no second look: whether it is write-back matters to who would allocate it. */
    if (!memory_kind_ours(kind))
        return kind;
    mended->specific_purpose += special;
    mended->not_write_back += !special && !write_back;
    return special || !write_back ? MEMORY_WITHHELD : kind;
}

/* The bytes that the descriptor names, below MEMMAP_PHYSICAL_END; empty: dropped. */
static struct prange range_of(const struct efi_memory_descriptor *descriptor, struct memmap_mended *mended)
{
    uint64_t start = descriptor->physical_start;
    uint64_t page_count = descriptor->number_of_pages;
    /* Before the shift: 2^52 pages and more do not fit 64 bits of bytes. */
    bool wrapping = page_count > (UINT64_MAX - start) >> PAGE_SHIFT;
    mended->zero_length += page_count == 0;
    mended->wrapping += wrapping;
    if (wrapping)
        return PRANGE(0, 0);
    uint64_t end = start + (page_count << PAGE_SHIFT);
    mended->clipped += page_count != 0 && end > MEMMAP_PHYSICAL_END;
    return prange_intersect(PRANGE(start, end), PRANGE(0, MEMMAP_PHYSICAL_END));
}

/* A byte that is not surely ours is not ours; a byte that may be the firmware's is the firmware's. */
static struct prange whole_pages(struct prange range, enum memory_kind kind)
{
    if (!memory_kind_ours(kind))
        return prange_page_outward(range);
    /* Less than a page may be left of it: then start, rounded up, is beyond end, rounded down. */
    uint64_t start = align_up(range.start.value, PAGE_SIZE);
    return PRANGE(start, max_u64(start, align_down(range.end.value, PAGE_SIZE)));
}

static void add_range(struct sweep *sweep, struct prange range, struct edge edge)
{
    if (prange_empty(range))
        return;
    CHECK(sweep->edge_count + 2 <= MEMMAP_EDGES_MAX);
    edge.begin = true;
    edge.address = range.start.value;
    /*
     * The order of two edges at one address is of no importance: emit() is asked for what lies between addresses only.
     */
    sweep->edges[sweep->edge_count++] = edge;
    edge.begin = false;
    edge.address = range.end.value;
    sweep->edges[sweep->edge_count++] = edge;
}

static void add_descriptors(struct sweep *sweep, const struct memmap_source *source)
{
    struct memmap_mended *mended = &sweep->map->mended;
    uint64_t previous = 0;
    for (uint32_t i = 0; i < sweep->map->descriptor_count; i++) {
        struct efi_memory_descriptor descriptor = memmap_descriptor(source, i);
        struct prange range = range_of(&descriptor, mended);
        if (prange_empty(range))
            continue;
        /* For the report alone: the sweep does not care, and every x86 board since 2011 but one is unsorted. */
        mended->unsorted += range.start.value < previous;
        mended->unaligned += (range.start.value & PAGE_MASK) != 0;
        previous = range.start.value;

        enum memory_kind kind = kind_of(&descriptor, mended);
        struct edge edge = {.kind = (uint8_t)kind, .runtime = (descriptor.attribute & EFI_MEMORY_RUNTIME) != 0};
        add_range(sweep, whole_pages(range, kind), edge);
    }
}

/*
 * By insertion: a map in order, or nearly so, costs one look or a few at each edge; the worst, 8,260 edges in reverse,
 * is 34 million moves, once. No recursion, no memory, and equal addresses keep their order.
 */
static void sort_edges(struct edge *edges, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct edge moving = edges[i];
        struct edge *place = &edges[i];
        for (; place > edges && place[-1].address > moving.address; place--)
            *place = place[-1];
        *place = moving;
    }
}

static void step(struct sweep *sweep, const struct edge *edge)
{
    uint32_t delta = edge->begin ? 1 : UINT32_MAX; /* modulo 2^32: minus 1 */
    sweep->depth[edge->kind] += delta;
    sweep->descriptors += edge->claim ? 0 : delta;
    sweep->runtime += edge->runtime ? delta : 0;
}

/* [start, end) lies between two edges. A claim alone is over a hole, which stays one. */
static void emit(struct sweep *sweep, uint64_t start, uint64_t end)
{
    struct memmap *map = sweep->map;
    /* What no descriptor names is not memory, even if we claim it: an image that the map forgot is not made of RAM. */
    if (start == end || sweep->descriptors == 0)
        return;
    enum memory_kind kind = MEMORY_KIND_COUNT - 1;
    /* Ends: some descriptor is in force, so some depth is not 0. */
    while (sweep->depth[kind] == 0)
        kind--;
    bool runtime = sweep->runtime != 0;
    map->mended.overlapping += sweep->descriptors > 1;

    struct memory_region *last = map->count == 0 ? NULL : &map->regions[map->count - 1];
    /* Cut at 1 MiB and at 4 GiB, so that "low" and "below 4 GiB" are properties of a region, and nobody splits one. */
    bool joins = last != NULL && last->range.end.value == start && last->kind == kind && last->runtime == runtime &&
                 start != LOW_MEMORY_END && start != 4 * GIB;
    if (joins)
        last->range.end = PADDR(end);
    else
        map->regions[map->count++] =
            (struct memory_region){.range = PRANGE(start, end), .kind = (uint8_t)kind, .runtime = runtime};
}

enum status memmap_build(struct memmap *map, const struct memmap_source *source, const struct memmap_claim *claims,
                         uint32_t claim_count, uint64_t reach, void *scratch)
{
    CHECK(claim_count <= MEMMAP_CLAIMS_MAX);
    *map = (struct memmap){0};
    enum status status = check_source(map, source);
    if (status != STATUS_OK)
        return status;

    struct sweep sweep = {.map = map, .edges = scratch};
    map->regions = (struct memory_region *)(sweep.edges + MEMMAP_EDGES_MAX);
    add_descriptors(&sweep, source);
    for (uint32_t i = 0; i < claim_count; i++) {
        CHECK(((claims[i].range.start.value | claims[i].range.end.value) & PAGE_MASK) == 0);
        add_range(&sweep, claims[i].range, (struct edge){.kind = (uint8_t)claims[i].kind, .claim = true});
    }
    /* What the direct map cannot reach cannot be used by anybody: withheld, counted, and never given a frame. */
    add_range(&sweep, PRANGE(reach, MEMMAP_PHYSICAL_END), (struct edge){.kind = MEMORY_WITHHELD, .claim = true});
    /* Claims nothing, every kind being as strong at least: for its ends, at which no region may go on. */
    add_range(&sweep, PRANGE(LOW_MEMORY_END, 4 * GIB), (struct edge){.kind = MEMORY_CONVENTIONAL, .claim = true});

    sort_edges(sweep.edges, sweep.edge_count);
    uint64_t start = 0;
    for (uint32_t i = 0; i < sweep.edge_count; i++) {
        emit(&sweep, start, sweep.edges[i].address);
        start = sweep.edges[i].address;
        step(&sweep, &sweep.edges[i]);
    }
    /* Every range that began has ended. */
    CHECK(sweep.descriptors == 0 && sweep.runtime == 0);
    return STATUS_OK;
}

uint32_t memmap_find(const struct memmap *map, struct paddr address)
{
    /*
     * Regions are sorted and disjoint: their ends rise too, so the first that ends above the address is found by
     * halves.
     */
    uint32_t low = 0;
    uint32_t high = map->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (map->regions[middle].range.end.value <= address.value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool memmap_any(const struct memmap *map, struct prange range, bool (*is)(enum memory_kind kind))
{
    for (uint32_t i = memmap_find(map, range.start); i < map->count; i++) {
        if (map->regions[i].range.start.value >= range.end.value)
            return false;
        if (is((enum memory_kind)map->regions[i].kind))
            return true;
    }
    return false;
}

uint64_t memmap_pages(const struct memmap *map, enum memory_kind kind, bool low)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->regions[i];
        if (region->kind == kind && memory_region_low(region) == low)
            pages += prange_pages(region->range);
    }
    return pages;
}
