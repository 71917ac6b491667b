/*
 * Building the first page tables: see first_map.h.
 *
 * What must be there: RAM of every kind, page 0 included, because firmware's code, data and pointers lie in any of it;
 * every runtime range; the image. The rest of the map (device ranges, reserved blocks) and the frame buffer are mapped
 * uncached, so that nothing is read from them by speculation, and left out where they would cost too many tables.
 */
#include "boot/first_map.h"

#include "boot/buffers.h"
#include "boot/failure.h"
#include "boot/pages.h"
#include "boot/processor.h"
#include "boot/say.h"
#include "mm/layout.h"

/* The map may still change before the exit: room for so many tables more. */
#define SLACK_TABLES 64u

/* What optional ranges may cost; larger ones are windows for devices that no runtime service knows. */
#define OPTIONAL_TABLES_MAX 1024u
#define OPTIONAL_RANGE_MAX  (64 * GIB)

#define FLAGS_RAM    PAGING_FIRMWARE_RWX
#define FLAGS_DEVICE (PAGING_FIRMWARE_RWX | PAGING_UNCACHED)

/* One after the other through the map, so that what matters more comes first into the list. */
enum rank { RANK_CACHED, RANK_UNCACHED, RANK_OPTIONAL, RANK_COUNT };

static enum rank rank_of(const struct efi_memory_descriptor *descriptor)
{
    bool device = descriptor->type == EFI_MMIO || descriptor->type == EFI_MMIO_PORT_SPACE;
    bool uncacheable = (descriptor->attribute & (EFI_MEMORY_UC | EFI_MEMORY_WB)) == EFI_MEMORY_UC;
    if (!firmware_map_is_ram(descriptor->type) && !firmware_map_is_runtime(descriptor))
        return RANK_OPTIONAL;
    return device || uncacheable ? RANK_UNCACHED : RANK_CACHED;
}

static void add_range(struct boot *boot, struct prange range, enum rank rank)
{
    struct span span = {
        .range = prange_intersect(range, PRANGE(0, boot->address_limit)),
        .flags = rank == RANK_CACHED ? FLAGS_RAM : FLAGS_DEVICE,
        .optional = rank == RANK_OPTIONAL,
    };
    if (rank != RANK_OPTIONAL || prange_bytes(range) <= OPTIONAL_RANGE_MAX)
        span_add(&buffers_scratch.spans, &span);
}

static void add_descriptors(struct boot *boot, enum rank rank)
{
    for (uint64_t i = 0; i < firmware_map_count(&boot->map); i++) {
        struct efi_memory_descriptor descriptor = firmware_map_at(&boot->map, i);
        struct prange range;
        if (rank_of(&descriptor) == rank && firmware_map_range(&descriptor, &range))
            add_range(boot, range, rank);
    }
}

static void add_screen(struct boot *boot)
{
    const struct handoff_screen *screen = &boot->handoff->screen;
    if (screen->format != HANDOFF_PIXEL_NONE && screen->base < boot->address_limit &&
        screen->size_bytes <= boot->address_limit - screen->base)
        add_range(boot, prange_page_outward(PRANGE(screen->base, screen->base + screen->size_bytes)), RANK_OPTIONAL);
}

/* Leaves the list in buffers_scratch. Our own ranges first: the map might not list them. */
static const struct span_list *collect(struct boot *boot, enum rank last_rank)
{
    const struct handoff_range own[] = {boot->handoff->image, boot->handoff->page_tables};
    buffers_scratch.spans.count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(own); i++)
        add_range(boot, PRANGE(own[i].start, own[i].start + own[i].size_bytes), RANK_CACHED);
    for (enum rank rank = RANK_CACHED; rank <= last_rank; rank++)
        add_descriptors(boot, rank);
    if (last_rank == RANK_OPTIONAL)
        add_screen(boot);
    return &buffers_scratch.spans;
}

static uint64_t pool_pages(struct boot *boot)
{
    unsigned levels = processor_paging_levels();
    uint64_t required = span_table_count(collect(boot, RANK_UNCACHED), levels, boot->gigabyte_pages);
    uint64_t all = span_table_count(collect(boot, RANK_OPTIONAL), levels, boot->gigabyte_pages);
    uint64_t optional = all > required ? min_u64(all - required, OPTIONAL_TABLES_MAX) : 0;
    struct prange image_range = PRANGE(boot->handoff->image.start,
                                       boot->handoff->image.start + boot->handoff->image.size_bytes);
    uint64_t image = paging_tables_for(VADDR(KERNEL_IMAGE_BASE), image_range, levels, boot->gigabyte_pages);
    return 1 + required + optional + image + SLACK_TABLES;
}

bool first_map_reserve(struct boot *boot)
{
    efi_status raw;
    enum status status = firmware_map_get(boot->system_table, &boot->map, &raw);
    if (status != STATUS_OK)
        return firmware_map_refuse(boot->system_table, &boot->map, status, raw);
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

/* The pool as a source of tables: given-back pages are chained through their first word. */
static struct paddr pool_alloc(void *context)
{
    struct boot *boot = context;
    struct paddr table = boot->tables_free;
    if (table.value != 0) {
        boot->tables_free.value = *(const uint64_t *)vaddr_pointer(VADDR(table.value));
    } else if (boot->tables_next < boot->handoff->page_tables.start + boot->handoff->page_tables.size_bytes) {
        table = PADDR(boot->tables_next);
        boot->tables_next += PAGE_SIZE;
    }
    return table;
}

static void pool_free(void *context, struct paddr table)
{
    struct boot *boot = context;
    *(uint64_t *)vaddr_pointer(VADDR(table.value)) = boot->tables_free.value;
    boot->tables_free = table;
}

static enum status map_spans(struct boot *boot, const struct span_list *list, bool optional)
{
    enum status result = STATUS_OK;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct span *span = &list->spans[i];
        if ((span->optional != 0) != optional)
            continue;
        enum status status = paging_map(&boot->tables, VADDR(span->range.start.value), span->range, span->flags);
        result = status == STATUS_OK ? result : status;
    }
    return result;
}

static enum status map_image_part(struct boot *boot, uint64_t rva, uint64_t size_bytes, uint32_t flags)
{
    uint64_t start = boot->handoff->image.start + rva;
    if (size_bytes == 0)
        return STATUS_OK;
    return paging_map(&boot->tables, VADDR(KERNEL_IMAGE_BASE + rva), PRANGE(start, start + size_bytes), flags);
}

/* The headers, which the kernel reads again, and each section with its own access. */
static enum status map_image(struct boot *boot)
{
    uint64_t headers_bytes = boot->image.section_count == 0 ? 0 : boot->image.sections[0].rva;
    enum status status = map_image_part(boot, 0, headers_bytes, 0);
    for (uint32_t i = 0; i < boot->image.section_count && status == STATUS_OK; i++) {
        const struct pe_section *section = &boot->image.sections[i];
        uint32_t flags = (section->writable ? PAGING_WRITE : 0u) | (section->executable ? PAGING_EXECUTE : 0u);
        status = map_image_part(boot, section->rva, section->size_bytes, flags);
    }
    return status;
}

static enum status build(struct boot *boot)
{
    struct table_source source = {pool_alloc, pool_free, boot};
    boot->tables_next = boot->handoff->page_tables.start;
    boot->tables_free = PADDR(0);
    enum status status = paging_init(&boot->tables, 0, processor_paging_levels(), boot->gigabyte_pages, source);
    if (status != STATUS_OK)
        return status;
    const struct span_list *list = collect(boot, RANK_OPTIONAL);
    status = map_spans(boot, list, false);
    if (status == STATUS_OK)
        status = map_image(boot);
    if (status == STATUS_OK)
        (void)map_spans(boot, list, true); /* as many as there is room for */
    return status;
}

void first_map_use(struct boot *boot)
{
    enum status status = build(boot);
    if (status != STATUS_OK)
        failure_halt(FAILURE_PAGE_TABLES, (uint64_t)status, boot->handoff->page_tables.size_bytes >> PAGE_SHIFT);
    boot->handoff->page_table_root = boot->tables.root.value;
    processor_use_tables(boot->tables.root.value);
}
