/*
 * The page tables under a stream of map, unmap and protect, against one entry for each page. Holds: each call succeeds
 * exactly when the model says so, or fails for want of tables and then has changed nothing; lookups say what the model
 * says; a walk of the tables as the hardware would do it finds as many pages; no call leaves a translation in the TLB
 * that the tables contradict; no more tables are used than paging_tables_for says, and none is left in the end.
 *
 * Input: levels and 1 GiB pages (1 byte), tables allowed (1), then eight bytes for each operation: what, flags, first
 * page (3), pages (2 and a shift), physical offset (1).
 */
#include "mm/paging.h"
#include "tests/fuzz/input.h"
#include "tests/unit/arena.h"
#include "tests/unit/port_fake.h"

#define PAGES        (2 * GIB / PAGE_SIZE + 1024) /* two pages of 1 GiB and a bit */
#define CHANGES_MAX  64u
#define NOT_MAPPED   UINT32_MAX
#define PHYSICAL_TOP (UINT32_MAX >> 1)

/* Where the pages of the model lie: around the middle and the end of either half. */
static const uint64_t bases[] = {
    0,
    0x7FFF80000000 - 1024 * PAGE_SIZE,
    0xFFFF800000000000,
    0xFFFFFFFF80000000 - 1024 * PAGE_SIZE,
};

/* Only sound combinations: what paging.h allows together. */
static const uint32_t flag_choices[] = {
    0,
    PAGING_WRITE,
    PAGING_EXECUTE,
    PAGING_WRITE | PAGING_GLOBAL,
    PAGING_WRITE | PAGING_UNCACHED,
    PAGING_WRITE | PAGING_WRITE_COMBINING | PAGING_GLOBAL,
    PAGING_FIRMWARE_RWX,
    PAGING_UNCACHED,
};

struct model_page {
    uint32_t physical; /* page number, or NOT_MAPPED */
    uint32_t flags;
};

static struct model_page *pages;
static struct {
    uint64_t first;
    uint64_t count;
} changes[CHANGES_MAX]; /* what is to be reset before the next input */
static unsigned change_count;
static uint64_t mapped_count;
static uint64_t base;
static struct arena arena;
static struct page_map map;

static struct vaddr address_of(uint64_t page)
{
    return VADDR(base + page * PAGE_SIZE);
}

static void reset_pages(void)
{
    if (pages == NULL) {
        pages = malloc(PAGES * sizeof(*pages));
        memset(pages, 0xFF, PAGES * sizeof(*pages));
    }
    for (unsigned i = 0; i < change_count; i++)
        memset(pages + changes[i].first, 0xFF, changes[i].count * sizeof(*pages));
    change_count = 0;
    mapped_count = 0;
}

static void check_page(uint64_t page)
{
    struct paging_entry entry;
    if (page >= PAGES)
        return;
    bool mapped = paging_lookup(&map, address_of(page), &entry);
    CHECK(mapped == (pages[page].physical != NOT_MAPPED));
    if (!mapped)
        return;
    uint64_t offset = address_of(page).value & (entry.size_bytes - 1);
    CHECK(entry.page.value % entry.size_bytes == 0);
    CHECK(entry.page.value + offset == pages[page].physical * PAGE_SIZE);
    CHECK(entry.flags == pages[page].flags);
    CHECK(entry.size_bytes <= 2 * MIB || map.gigabyte_pages);
}

/* Pages that the CPU would find, and the tables on its way: SDM volume 3, 4.5. */
static uint64_t count_pages(uint64_t table, unsigned level, uint64_t *tables)
{
    uint64_t count = 0;
    ++*tables;
    for (unsigned i = 0; i < 512; i++) {
        uint64_t entry = ((const uint64_t *)(uintptr_t)(table + map.window))[i];
        if ((entry & 1) == 0)
            CHECK(entry == 0);
        else if (level == 0 || (entry & 1 << 7) != 0)
            count += (uint64_t)1 << (9 * level);
        else
            count += count_pages(entry & 0x000FFFFFFFFFF000, level - 1, tables);
    }
    return count;
}

static void check_all(void)
{
    uint64_t tables = 0;
    for (unsigned i = 0; i < change_count; i++)
        for (uint64_t page = 0; page < changes[i].count; page += 1 + page / 16)
            check_page(changes[i].first + page);
    CHECK(count_pages(map.root.value, map.levels - 1u, &tables) == mapped_count);
    CHECK(tables == map.table_count && tables == arena.tables);
}

struct operation {
    uint64_t what;
    uint32_t flags;
    uint64_t first;
    uint64_t count;
    uint64_t physical;
};

static struct operation take_operation(struct input *input)
{
    struct operation operation;
    operation.what = input_number(input, 1);
    operation.flags = flag_choices[input_number(input, 1) % ARRAY_COUNT(flag_choices)];
    operation.first = input_number(input, 3) % PAGES;
    uint64_t count = input_number(input, 2);
    operation.count = (count & 0x3FF) << (count >> 12 & 9); /* in pages or in 2 MiB, odd ones too */
    operation.count = min_u64(operation.count + (operation.count == 0), PAGES - operation.first);
    uint64_t offset = input_number(input, 1);
    uint64_t aligned = (offset & 3) == 0 ? 0 : (offset & 3) == 1 ? 512 : (offset & 3) == 2 ? 512 * 512 : 1;
    operation.physical = (address_of(operation.first).value / PAGE_SIZE + (offset >> 2) * aligned) & PHYSICAL_TOP;
    operation.physical = min_u64(operation.physical, PHYSICAL_TOP - operation.count);
    return operation;
}

static uint64_t count_mapped(const struct operation *operation)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < operation->count; i++)
        count += pages[operation->first + i].physical != NOT_MAPPED;
    return count;
}

static enum status call(const struct operation *operation)
{
    struct vaddr start = address_of(operation->first);
    uint64_t size_bytes = operation->count * PAGE_SIZE;
    uint64_t physical = operation->physical * PAGE_SIZE;
    if (operation->what % 3 == 0)
        return paging_map(&map, start, PRANGE(physical, physical + size_bytes), operation->flags);
    if (operation->what % 3 == 1)
        return paging_unmap(&map, start, size_bytes);
    return paging_protect(&map, start, size_bytes, operation->flags);
}

static void apply(const struct operation *operation)
{
    uint64_t before = count_mapped(operation);
    for (uint64_t i = 0; i < operation->count; i++) {
        struct model_page *page = &pages[operation->first + i];
        if (operation->what % 3 == 0)
            *page = (struct model_page){(uint32_t)(operation->physical + i), operation->flags};
        else if (operation->what % 3 == 1)
            page->physical = NOT_MAPPED;
        else
            page->flags = operation->flags;
    }
    mapped_count += count_mapped(operation) - before;
}

/* At its ends, where large pages are split, and inside. */
static void for_edges(const struct operation *operation, void (*visit)(uint64_t page))
{
    const uint64_t edges[] = {operation->first, operation->first + operation->count, operation->first & ~511ull,
                              (operation->first + operation->count) | 511, operation->first + operation->count / 2};
    for (unsigned i = 0; i < ARRAY_COUNT(edges); i++)
        for (uint64_t page = edges[i] - (edges[i] != 0); page <= edges[i] + 1; page++)
            visit(page);
}

static void touch(uint64_t page)
{
    if (page < PAGES)
        CHECK(port_fake_touch(address_of(page)) == (pages[page].physical != NOT_MAPPED));
}

static void operate(struct input *input)
{
    struct operation operation = take_operation(input);
    uint64_t tables = map.table_count;
    uint64_t mapped = count_mapped(&operation);
    struct prange range = PRANGE(operation.physical * PAGE_SIZE, (operation.physical + operation.count) * PAGE_SIZE);
    for_edges(&operation, touch);
    enum status status = call(&operation);
    CHECK(port_fake_stale() == 0);
    if (status == STATUS_NO_MEMORY) {
        CHECK(arena.tables_max != UINT64_MAX);
    } else if (operation.what % 3 == 0) {
        CHECK(status == (mapped == 0 ? STATUS_OK : STATUS_INVALID));
        CHECK(map.table_count - tables <=
              paging_tables_for(address_of(operation.first), range, map.levels, map.gigabyte_pages));
    } else {
        CHECK(status == (operation.what % 3 == 1 || mapped == operation.count ? STATUS_OK : STATUS_NOT_FOUND));
    }
    if (status == STATUS_OK) {
        changes[change_count].first = operation.first;
        changes[change_count++].count = operation.count;
        apply(&operation);
    } else {
        CHECK(map.table_count == tables);
    }
    for_edges(&operation, check_page);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static const struct prange memory = {{MIB}, {9 * MIB}};
    struct input input = {bytes, size_bytes};
    uint64_t shape = input_number(&input, 1);
    uint64_t tables_max = input_number(&input, 1);
    reset_pages();
    base = bases[shape / 4 % ARRAY_COUNT(bases)];
    arena_create(&arena, &memory, 1, true);
    CHECK(paging_init(&map, arena.window, shape % 2 != 0 ? 5 : 4, shape / 2 % 2 != 0, arena_table_source(&arena)) ==
          STATUS_OK);
    arena.tables_max = tables_max == 0 ? UINT64_MAX : tables_max;
    port_fake_reset(&map);
    while (input.left_bytes != 0 && change_count < CHANGES_MAX)
        operate(&input);
    check_all();
    arena.tables_max = UINT64_MAX;
    CHECK(paging_unmap(&map, address_of(0), PAGES * PAGE_SIZE) == STATUS_OK);
    CHECK(port_fake_stale() == 0 && map.table_count == 1);
    CHECK(arena.tables == 1); /* the root */
    arena_destroy(&arena);
    return 0;
}
