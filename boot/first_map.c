/*
 * Building the first page tables: see first_map.h.
 *
 * What must be there: RAM of every kind, page 0 included, because firmware's code, data and pointers lie in any of it;
 * every runtime range; the image. The rest of the map (device ranges, reserved blocks) and the frame buffer are mapped
 * uncached, so that nothing is read from them by speculation, and left out where they would cost too many tables.
 *
 * The map may be unsorted and overlap itself. So its parts are mapped in order of importance, and each only where
 * nothing is mapped yet.
 */
#include "boot/first_map.h"

#include "boot/buffers.h"
#include "boot/failure.h"
#include "boot/pages.h"
#include "boot/processor.h"
#include "boot/say.h"
#include "mm/layout.h"

/* The map may still change before the exit, by 32 descriptors on real machines: room for so many tables more. */
#define SLACK_TABLES 256u

/* What optional parts may cost; larger ones are windows for devices that no runtime service knows. */
#define OPTIONAL_TABLES_MAX 1024u
#define OPTIONAL_RANGE_MAX  (64 * GIB)

/* The most important first. */
enum rank { RANK_CACHED, RANK_UNCACHED, RANK_OPTIONAL, RANK_COUNT };

struct part {
    struct prange range;
    enum rank rank;
};

static enum rank rank_of(const struct efi_memory_descriptor *descriptor)
{
    bool device = descriptor->type == EFI_MMIO || descriptor->type == EFI_MMIO_PORT_SPACE;
    /* UC and not WB: what can only be uncached. Attributes are what memory is capable of, not how it is set (7.2.3). */
    bool uncacheable = (descriptor->attribute & (EFI_MEMORY_UC | EFI_MEMORY_WB)) == EFI_MEMORY_UC;
    if (!firmware_map_is_ram(descriptor->type) && !firmware_map_is_runtime(descriptor))
        return RANK_OPTIONAL;
    return device || uncacheable ? RANK_UNCACHED : RANK_CACHED;
}

/* Ranges of our own, which the map might not list, stand in front of its descriptors. */
enum { OWN_IMAGE, OWN_TABLES, OWN_SCREEN, OWN_COUNT };
_Static_assert((OWN_COUNT + FIRMWARE_MAP_DESCRIPTORS_MAX) * sizeof(struct part) <= BUFFERS_SCRATCH_BYTES, "all parts");

static struct efi_memory_descriptor descriptor_at(const struct boot *boot, uint64_t index)
{
    const struct handoff *handoff = boot->handoff;
    struct handoff_range own[OWN_COUNT] = {
        handoff->image, handoff->page_tables, {handoff->screen.base, handoff->screen.size_bytes}};
    if (index >= OWN_COUNT)
        return firmware_map_at(&boot->map, index - OWN_COUNT);
    return (struct efi_memory_descriptor){
        .type = index == OWN_SCREEN ? EFI_MMIO : EFI_LOADER_DATA,
        .physical_start = own[index].start,
        .number_of_pages = pages_for_bytes(own[index].size_bytes),
    };
}

/* Lists the parts by importance, neighbours in the map as one. `parts` has room for all that a map can have. */
static uint32_t list_parts(const struct boot *boot, struct part *parts)
{
    uint32_t count = 0;
    for (enum rank rank = RANK_CACHED; rank < RANK_COUNT; rank++) {
        for (uint64_t i = 0; i < OWN_COUNT + firmware_map_count(&boot->map); i++) {
            struct efi_memory_descriptor descriptor = descriptor_at(boot, i);
            struct part part = {.rank = rank};
            if (rank_of(&descriptor) != rank || !firmware_map_range(&descriptor, &part.range))
                continue;
            part.range = prange_intersect(part.range, PRANGE(0, boot->address_limit));
            if (prange_empty(part.range) || (rank == RANK_OPTIONAL && prange_bytes(part.range) > OPTIONAL_RANGE_MAX))
                continue;
            if (count > 0 && parts[count - 1].rank == rank &&
                parts[count - 1].range.end.value == part.range.start.value)
                parts[count - 1].range.end = part.range.end;
            else
                parts[count++] = part;
        }
    }
    return count;
}

/* An upper bound for the pool: as if no two parts shared a table. */
static uint64_t pool_pages(const struct boot *boot)
{
    struct part *parts = (struct part *)(void *)buffers_scratch;
    uint32_t count = list_parts(boot, parts);
    uint64_t tables[RANK_COUNT] = {0};
    unsigned levels = processor_paging_levels();
    for (uint32_t i = 0; i < count; i++)
        tables[parts[i].rank] +=
            paging_tables_for(VADDR(parts[i].range.start.value), parts[i].range, levels, boot->gigabyte_pages);
    struct handoff_range image = boot->handoff->image;
    /* Where it will be is not known yet; nowhere does it take more tables than across the border of a GiB. */
    uint64_t image_tables =
        paging_tables_for(VADDR(IMAGE_WINDOW + GIB - PAGE_SIZE),
                          PRANGE(image.start, image.start + image.size_bytes), levels, boot->gigabyte_pages);
    return 1 + image_tables + tables[RANK_CACHED] + tables[RANK_UNCACHED] +
           min_u64(tables[RANK_OPTIONAL], OPTIONAL_TABLES_MAX) + SLACK_TABLES;
}

bool first_map_reserve(struct boot *boot)
{
    enum status status = firmware_map_get(boot->system_table, &boot->map);
    if (status != STATUS_OK)
        return firmware_map_refuse(boot->system_table, &boot->map, status);
    uint64_t page_count = pool_pages(boot);
    boot->handoff->page_tables = pages_allocate(boot->system_table, page_count, PAGES_ANYWHERE);
    if (boot->handoff->page_tables.size_bytes == 0)
        return say_refusal(boot->system_table, "no %llu pages for page tables", (unsigned long long)page_count);
    say(boot->system_table, "%llu memory descriptors, %llu pages for page tables",
        (unsigned long long)firmware_map_count(&boot->map), (unsigned long long)page_count);
    return true;
}

void first_map_release(struct boot *boot)
{
    pages_free(boot->system_table, &boot->handoff->page_tables);
}

static struct paddr pool_alloc(void *context)
{
    struct boot *boot = context;
    struct paddr table = PADDR(boot->tables_next);
    if (boot->tables_next == boot->handoff->page_tables.start + boot->handoff->page_tables.size_bytes)
        return PADDR(0);
    boot->tables_next += PAGE_SIZE;
    return table;
}

/* Only a call that fails frees tables, all that it took, in some order: they are the last of those that are taken. */
static void pool_free(void *context, struct paddr table)
{
    struct boot *boot = context;
    (void)table;
    boot->tables_next -= PAGE_SIZE;
}

/*
 * Maps what of parts[index] those before it have left out. Such a gap ends where one of them starts, at the latest. So
 * pages end at edges of parts only, whose tables pool_pages counted.
 */
static enum status map_part(struct boot *boot, const struct part *parts, uint32_t index)
{
    uint32_t flags = PAGING_FIRMWARE_RWX | (parts[index].rank == RANK_CACHED ? 0u : PAGING_UNCACHED);
    uint64_t address = parts[index].range.start.value;
    enum status status = STATUS_OK;
    while (address < parts[index].range.end.value && status == STATUS_OK) {
        uint64_t mapped_end = address;
        uint64_t end = parts[index].range.end.value;
        for (uint32_t i = 0; i < index; i++) {
            struct prange range = parts[i].range;
            if (prange_contains(range, PADDR(address)))
                mapped_end = max_u64(mapped_end, range.end.value);
            else if (range.start.value > address)
                end = min_u64(end, range.start.value);
        }
        bool gap = mapped_end == address;
        if (gap)
            status = paging_map(&boot->tables, VADDR(address), PRANGE(address, end), flags);
        address = gap ? end : mapped_end;
    }
    return status;
}

/* The headers, which the kernel reads again, and each section with its own access. */
static enum status map_image(struct boot *boot)
{
    const struct pe_section headers = {.rva = 0, .size_bytes = boot->image.sections[0].rva};
    enum status status = STATUS_OK;
    /* RX, R and RW from the first moment: the kernel never runs a line with a page both writable and executable. */
    for (uint32_t i = 0; i <= boot->image.section_count && status == STATUS_OK; i++) {
        const struct pe_section *part = i == 0 ? &headers : &boot->image.sections[i - 1];
        uint32_t flags = (part->writable ? PAGING_WRITE : 0u) | (part->executable ? PAGING_EXECUTE : 0u);
        uint64_t start = boot->handoff->image.start + part->rva;
        if (part->size_bytes != 0)
            status = paging_map(&boot->tables, VADDR(boot->handoff->layout.image + part->rva),
                                PRANGE(start, start + part->size_bytes), flags);
    }
    return status;
}

void first_map_use(struct boot *boot)
{
    struct part *parts = (struct part *)(void *)buffers_scratch;
    uint32_t count = list_parts(boot, parts);
    struct table_source source = {pool_alloc, pool_free, boot};
    boot->tables_next = boot->handoff->page_tables.start;
    enum status status = paging_init(&boot->tables, 0, processor_paging_levels(), boot->gigabyte_pages, source);
    if (status == STATUS_OK)
        status = map_image(boot);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = map_part(boot, parts, i);
        if (parts[i].rank == RANK_OPTIONAL)
            status = STATUS_OK; /* as many as there is room for */
    }
    if (status != STATUS_OK)
        failure_halt(FAILURE_PAGE_TABLES, (uint64_t)status, boot->handoff->page_tables.size_bytes >> PAGE_SHIFT);
    boot->handoff->page_table_root = boot->tables.root.value;
    processor_use_tables(boot->tables.root.value);
}
