/*
 * The page array: one page of entries for each 16 MiB span with memory of ours, filled a section at a time. See page.h.
 *
 *     sections   slot 0 (128 MiB)                     slot 1                       (numbered without gaps: section.h)
 *                 span 0  1  2  ...  7                span 0 ...
 *     entry_pages    |   |   |  0  |                      |                        0: no memory in that span
 *                    v   v   v                            v
 *                +------+ +------+ +------+           +------+
 *                | 4096 | | 4096 | | 4096 | ...       | 4096 |  a byte each        a page each, anywhere below 16 TiB
 *                +------+ +------+ +------+           +------+
 *     states         UNCLAIMED -> CLAIMED (one CPU wins the exchange) -> READY (all its entries are stored)
 *
 * A flat array over all addresses would be simpler and larger than memory on real machines: a reserved hole at 1 TiB
 * costs 256 MiB of entries. Here a hole costs nothing at all inside a missing section, and 4 bytes a span inside one
 * that exists.
 *
 * Why the entries are written by all CPUs: 1 TiB has 256 MiB of them, in memory that nobody has touched since
 * power-on. What a frame starts as is all zeros (PAGE_FRAME), so that nearly all of it is one streaming store.
 */
#include "mm/page.h"

#include "kernel/base/bits.h"
#include "kernel/base/string.h"
#include "mm/port.h"

#define TOKEN_SEAL 0x4B65656C70616765ull /* "Keelpage": a token that was never made does not hold it by accident */

/* entry_pages holds page numbers of 32 bits, so the entries themselves lie below this address. */
#define ENTRY_PAGES_END ((uint64_t)1 << (32 + PAGE_SHIFT))

/* One bit for each span of the section that holds at least one frame of ours. */
static uint64_t spans_with_frames(const struct page_array *array, uint32_t slot)
{
    struct paddr base = section_base(array->sections, slot);
    struct prange section = {base, paddr_add(base, SECTION_BYTES)};
    uint64_t spans = 0;
    for (uint32_t i = memmap_find(array->map, base); i < array->map->count; i++) {
        const struct memory_region *region = &array->map->regions[i];
        struct prange part = prange_intersect(region->range, section);
        /* Regions rise: the first that does not reach into the section ends it. */
        if (prange_empty(part))
            break;
        if (!memory_kind_ours((enum memory_kind)region->kind) || memory_region_low(region))
            continue; /* has no frames */
        unsigned first = (unsigned)((part.start.value - base.value) / PAGE_SPAN_BYTES);
        unsigned last = (unsigned)((part.end.value - 1 - base.value) / PAGE_SPAN_BYTES);
        spans |= bits_mask(first, last - first + 1);
    }
    return spans;
}

/* Gives entry pages to the spans of a section: in one run where that is possible, which fills fastest. */
static enum status allocate_section(struct page_array *array, uint32_t slot, struct early *early)
{
    uint32_t *entry_pages = &array->entry_pages[slot * PAGE_SPANS];
    uint64_t spans = spans_with_frames(array, slot);
    CHECK(spans != 0);
    /* Few pages; where even those are not in one piece, single ones will do. */
    struct paddr run = early_alloc(early, bits_count(spans), ENTRY_PAGES_END);
    bool together = run.value != 0;
    for (; spans != 0; spans &= spans - 1) {
        struct paddr page = together ? run : early_alloc(early, 1, ENTRY_PAGES_END);
        if (page.value == 0)
            return STATUS_NO_MEMORY;
        entry_pages[bits_first(spans)] = (uint32_t)(page.value >> PAGE_SHIFT);
        run = paddr_add(run, PAGE_SIZE);
    }
    return STATUS_OK;
}

enum status page_array_init(struct page_array *array, const struct section_table *sections, const struct memmap *map,
                            struct early *early, uint64_t window, void *tables)
{
    memset(tables, 0, page_array_table_bytes(sections->count)); /* no entries; PAGE_SECTION_UNCLAIMED */
    *array = (struct page_array){.sections = sections, .map = map, .window = window, .entry_pages = tables};
    array->states = (uint8_t *)(array->entry_pages + (size_t)sections->count * PAGE_SPANS);
    for (uint32_t slot = 0; slot < sections->count; slot++) {
        enum status status = allocate_section(array, slot, early);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static struct page *entries_at(const struct page_array *array, uint32_t entry_page)
{
    return (struct page *)(uintptr_t)(array->window + ((uint64_t)entry_page << PAGE_SHIFT));
}

/*
 * The entries of the part of `rest` that lies in its first span, which it then begins behind; NULL when the span has
 * none, as where there is no section.
 */
static struct page *next_part(const struct page_array *array, struct prange *rest, bool must_be_ready,
                              uint64_t *frame_count)
{
    struct paddr start = rest->start;
    uint64_t end = min_u64(rest->end.value, align_down(start.value, PAGE_SPAN_BYTES) + PAGE_SPAN_BYTES);
    rest->start = PADDR(end);
    *frame_count = (end - start.value) >> PAGE_SHIFT;

    uint32_t slot = section_slot(array->sections, start);
    if (slot == SECTION_NONE)
        return NULL;
    /* Acquire pairs with the store of READY. The claimer itself fills entries before that, hence the argument. */
    CHECK(!must_be_ready || __atomic_load_n(&array->states[slot], __ATOMIC_ACQUIRE) == PAGE_SECTION_READY);
    uint32_t entry_page = array->entry_pages[slot * PAGE_SPANS + start.value / PAGE_SPAN_BYTES % PAGE_SPANS];
    return entry_page == 0 ? NULL : entries_at(array, entry_page) + start.value % PAGE_SPAN_BYTES / PAGE_SIZE;
}

static void store_kind(const struct page_array *array, struct prange range, enum page_kind kind, bool must_be_ready)
{
    while (!prange_empty(range)) {
        uint64_t count;
        struct page *entries = next_part(array, &range, must_be_ready, &count);
        /* An entry is its kind alone, so it goes out in words: a boot stores those of tens of thousands of frames. */
        _Static_assert(sizeof(*entries) == sizeof(entries->kind), "else what is beside the kind is lost");
        if (entries != NULL)
            memset(entries, (int)kind, count);
    }
}

/* Stores the initial value over all entries of the section, in runs as long as they lie in memory. */
static void zero_section(const struct page_array *array, uint32_t slot)
{
    const uint32_t *entry_pages = &array->entry_pages[slot * PAGE_SPANS];
    for (unsigned i = 0; i < PAGE_SPANS;) {
        unsigned first = i++;
        if (entry_pages[first] == 0)
            continue;
        while (i < PAGE_SPANS && entry_pages[i] == entry_pages[i - 1] + 1)
            i++;
        port_zero_uncached(entries_at(array, entry_pages[first]), (i - first) * PAGE_SIZE);
    }
}

enum page_kind page_kind_of(const struct memory_region *region)
{
    enum memory_kind kind = (enum memory_kind)region->kind;
    if (!memory_kind_counted(kind))
        return PAGE_ABSENT;
    if (memory_region_low(region))
        return PAGE_LOW;
    if (memory_kind_reclaimable(kind))
        return PAGE_AWAITING;
    if (kind == MEMORY_CONVENTIONAL)
        return PAGE_FRAME;
    return kind == MEMORY_KERNEL ? PAGE_KERNEL : PAGE_FIRMWARE;
}

/* The frames of the section that are not the allocator's, holes included, get the kind of their region. */
static void store_section_kinds(const struct page_array *array, uint32_t slot)
{
    struct paddr base = section_base(array->sections, slot);
    struct prange section = {base, paddr_add(base, SECTION_BYTES)};
    struct paddr hole = base;
    for (uint32_t i = memmap_find(array->map, base); i < array->map->count; i++) {
        const struct memory_region *region = &array->map->regions[i];
        struct prange part = prange_intersect(region->range, section);
        if (prange_empty(part))
            break;
        store_kind(array, (struct prange){hole, part.start}, PAGE_ABSENT, false);
        hole = part.end;
        if (page_kind_of(region) == PAGE_FRAME)
            store_kind(array, prange_intersect(early_taken(region), section), PAGE_KERNEL, false);
        else
            store_kind(array, part, page_kind_of(region), false);
    }
    store_kind(array, (struct prange){hole, section.end}, PAGE_ABSENT, false);
}

void page_array_describe(struct page_array *array)
{
    for (uint32_t slot = 0; slot < array->sections->count; slot++) {
        uint8_t expected = PAGE_SECTION_UNCLAIMED;
        if (__atomic_load_n(&array->states[slot], __ATOMIC_RELAXED) != expected)
            continue; /* many CPUs come by: most only look */
        /* Relaxed: winning gives nothing to read; what is published is published by READY. */
        if (!__atomic_compare_exchange_n(&array->states[slot], &expected, PAGE_SECTION_CLAIMED, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
            continue;
        zero_section(array, slot);
        store_section_kinds(array, slot);
        /* Release orders ordinary stores only; the streaming ones of zero_section were fenced by port_zero_uncached. */
        __atomic_store_n(&array->states[slot], PAGE_SECTION_READY, __ATOMIC_RELEASE);
        __atomic_fetch_add(&array->ready, 1, __ATOMIC_RELEASE);
    }
}

static uint64_t seal_of(const struct page_array *array)
{
    /* Bound to the array, so that a token of one mm (tests have many) proves nothing about another. */
    return TOKEN_SEAL ^ (uint64_t)(uintptr_t)array;
}

enum status page_array_complete(const struct page_array *array, struct page_array_token *token)
{
    /* Acquire, with the release of each section's `ready`: who holds the token sees every entry. */
    if (__atomic_load_n(&array->ready, __ATOMIC_ACQUIRE) != array->sections->count)
        return STATUS_TIMEOUT;
    *token = (struct page_array_token){.array = array, .seal = seal_of(array)};
    return STATUS_OK;
}

bool page_array_token_valid(const struct page_array *array, const struct page_array_token *token)
{
    return token != NULL && token->array == array && token->seal == seal_of(array);
}

void page_array_set_kind(const struct page_array *array, struct prange range, enum page_kind kind)
{
    store_kind(array, range, kind, true);
}

bool page_array_is_kind(const struct page_array *array, struct prange range, enum page_kind kind)
{
    /* Nothing beyond the sections has an entry, and a device may claim to be petabytes long. */
    range = prange_intersect(range, PRANGE(0, array->sections->limit * SECTION_BYTES));
    while (!prange_empty(range)) {
        uint64_t count;
        const struct page *entries = next_part(array, &range, true, &count);
        if (entries == NULL)
            continue;
        for (uint64_t i = 0; i < count; i += BLOCK_FRAMES)
            if (entries[i].kind != kind)
                return false;
        if (entries[count - 1].kind != kind)
            return false;
    }
    return true;
}
