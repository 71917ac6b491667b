/*
 * The first page tables (boot/first_map.c), which phase N builds where nothing can be asked for any more: over any map.
 * Holds: the pool that phase F reserved is large enough; all RAM and all runtime memory is mapped 1:1, writable and
 * executable, uncached where no row of RAM names the page; other ranges are mapped uncached or not at all; a hole is
 * not mapped.
 *
 * Input: 1 GiB pages (1 byte), stride (1), then short rows (input.h).
 */
#include "tests/unit/boot_fake.h"

#include "boot/first_map.h"
#include "boot/image.h"
#include "mm/layout.h"
#include "tests/fuzz/input.h"

#define ROWS_MAX   256u
#define POOL_PAGES 16384u

enum importance { CACHED, UNCACHED, OPTIONAL, HOLE };

static struct efi_memory_descriptor rows[ROWS_MAX];
static uint32_t row_count;

static bool is_memory(uint32_t type)
{
    return (type >= EFI_LOADER_CODE && type <= EFI_CONVENTIONAL_MEMORY) || type == EFI_ACPI_RECLAIM_MEMORY ||
           type == EFI_ACPI_NVS_MEMORY;
}

static bool is_runtime(const struct efi_memory_descriptor *row)
{
    return (row->attribute & EFI_MEMORY_RUNTIME) != 0 || row->type == EFI_RUNTIME_SERVICES_CODE ||
           row->type == EFI_RUNTIME_SERVICES_DATA;
}

static enum importance importance_of(const struct efi_memory_descriptor *row)
{
    bool device = row->type == EFI_MMIO || row->type == EFI_MMIO_PORT_SPACE;
    bool uncacheable = (row->attribute & EFI_MEMORY_UC) != 0 && (row->attribute & EFI_MEMORY_WB) == 0;
    if (!is_memory(row->type) && !is_runtime(row))
        return OPTIONAL;
    return device || uncacheable ? UNCACHED : CACHED;
}

/* What the most important row that has a byte in the page says. */
static enum importance expected(uint64_t page)
{
    enum importance best = HOLE;
    for (uint32_t i = 0; i < row_count; i++) {
        uint64_t end = rows[i].physical_start + rows[i].number_of_pages * PAGE_SIZE;
        bool inside = rows[i].number_of_pages != 0 && page + PAGE_SIZE > rows[i].physical_start && page < end;
        if (inside && importance_of(&rows[i]) < best)
            best = importance_of(&rows[i]);
    }
    return best;
}

static void check_page(const struct boot *boot, uint64_t page)
{
    struct paging_entry entry;
    bool mapped = paging_lookup(&boot->tables, VADDR(page), &entry);
    enum importance importance = expected(page);
    CHECK(!mapped || entry.page.value + (page & (entry.size_bytes - 1)) == page);
    if (importance == HOLE)
        CHECK(!mapped);
    else if (importance == OPTIONAL)
        CHECK(!mapped || entry.flags == (PAGING_FIRMWARE_RWX | PAGING_UNCACHED));
    else
        CHECK(mapped && entry.flags == (PAGING_FIRMWARE_RWX | (importance == UNCACHED ? PAGING_UNCACHED : 0)));
}

static void check_edges(const struct boot *boot)
{
    for (uint32_t i = 0; i < row_count; i++) {
        uint64_t start = rows[i].physical_start & ~PAGE_MASK;
        uint64_t end = start + rows[i].number_of_pages * PAGE_SIZE;
        const uint64_t pages[] = {start, end, start + (end - start) / 2 & ~PAGE_MASK};
        for (unsigned k = 0; k < ARRAY_COUNT(pages); k++) {
            check_page(boot, pages[k]);
            check_page(boot, pages[k] + PAGE_SIZE);
            if (pages[k] != 0)
                check_page(boot, pages[k] - PAGE_SIZE);
        }
    }
}

static struct boot begin(struct input *input, void *pool)
{
    fake_reset();
    struct boot boot = fake_boot();
    boot.gigabyte_pages = input_number(input, 1) % 2 != 0;
    fake.stride = 40 + input_number(input, 1) % 4 * 8;
    boot.image = (struct pe_image){
        .size_bytes = 0x2000,
        .section_count = 1,
        .sections = {{.name = ".text", .executable = true, .rva = 0x1000, .size_bytes = 0x1000}},
    };
    boot.handoff->image = (struct handoff_range){(uint64_t)(uintptr_t)__ImageBase, 0x2000};
    fake.allocations[0] = (uint64_t)(uintptr_t)pool;
    fake.allocation_count = 1;
    for (row_count = 0; input->left_bytes >= INPUT_ROW_BYTES && row_count < ROWS_MAX; row_count++) {
        rows[row_count] = input_row(input);
        fake_add_descriptor(rows[row_count].type, rows[row_count].physical_start, rows[row_count].number_of_pages,
                            rows[row_count].attribute);
    }
    return boot;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static void *pool;
    if (pool == NULL)
        pool = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
    struct input input = {bytes, size_bytes};
    struct boot boot = begin(&input, pool);
    if (row_count == 0)
        return 0;
    CHECK(first_map_reserve(&boot));
    CHECK(boot.handoff->page_tables.size_bytes <= POOL_PAGES * PAGE_SIZE);
    if (setjmp(fake.halted) != 0) {
        CHECK(!"the pool is large enough");
        return 0;
    }
    first_map_use(&boot);
    check_edges(&boot);
    return 0;
}
