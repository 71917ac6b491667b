/*
 * boot/span.c and boot/first_map.c: the list of what is mapped, how many tables it takes, and the tables themselves,
 * built by the real walker in the host's own memory (the window is 0 here too).
 */
#include "tests/unit/boot_fake.h"

#include <stdlib.h>
#include <string.h>

#include "boot/first_map.h"
#include "boot/image.h"
#include "boot/span.h"
#include "mm/layout.h"

#define RAM    PAGING_FIRMWARE_RWX
#define DEVICE (PAGING_FIRMWARE_RWX | PAGING_UNCACHED)
#define WB     EFI_MEMORY_WB
#define POOL_PAGES 4096u

static struct span_list *list = &buffers_scratch.spans;

static void add(uint64_t start, uint64_t end, uint32_t flags)
{
    struct span span = {PRANGE(start, end), flags, 0};
    span_add(list, &span);
}

static void expect(uint32_t index, uint64_t start, uint64_t end, uint32_t flags)
{
    assert_true(index < list->count);
    assert_int_equal(list->spans[index].range.start.value, start);
    assert_int_equal(list->spans[index].range.end.value, end);
    assert_int_equal(list->spans[index].flags, flags);
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    list->count = 0;
    return 0;
}

static void neighbours_melt(void **state)
{
    (void)state;
    add(0x3000, 0x4000, RAM);
    add(0x1000, 0x2000, RAM);
    assert_int_equal(list->count, 2);
    add(0x2000, 0x3000, RAM);
    assert_int_equal(list->count, 1);
    expect(0, 0x1000, 0x4000, RAM);
}

/*
 * There:      |####|   |####|
 * Added:   |..................|
 * Result:  |..|####|...|####|.|
 */
static void first_come_keeps_its_flags(void **state)
{
    (void)state;
    add(0x2000, 0x4000, RAM);
    add(0x6000, 0x8000, RAM);
    add(0x1000, 0x9000, DEVICE);
    assert_int_equal(list->count, 5);
    expect(0, 0x1000, 0x2000, DEVICE);
    expect(1, 0x2000, 0x4000, RAM);
    expect(2, 0x4000, 0x6000, DEVICE);
    expect(3, 0x6000, 0x8000, RAM);
    expect(4, 0x8000, 0x9000, DEVICE);
}

static void covered_adds_nothing(void **state)
{
    (void)state;
    add(0x1000, 0x9000, RAM);
    add(0x2000, 0x3000, DEVICE);
    add(0x1000, 0x9000, RAM);
    add(0x5000, 0x5000, RAM);
    assert_int_equal(list->count, 1);
}

/* Against a byte a page, with ranges that a fixed seed draws. */
static void agrees_with_a_page_model(void **state)
{
    enum { PAGES = 512, ROUNDS = 200 };
    static uint32_t model[PAGES];
    (void)state;
    srand(1);
    memset(model, 0, sizeof(model));
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned start = (unsigned)rand() % PAGES;
        unsigned end = start + (unsigned)rand() % 20;
        uint32_t flags = rand() % 2 == 0 ? RAM : DEVICE;
        end = end > PAGES ? PAGES : end;
        add((uint64_t)start * PAGE_SIZE, (uint64_t)end * PAGE_SIZE, flags);
        for (unsigned page = start; page < end; page++)
            model[page] = model[page] == 0 ? flags : model[page];
    }
    uint64_t last_end = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct span *span = &list->spans[i];
        assert_true(span->range.start.value >= last_end);
        for (last_end = span->range.start.value; last_end < span->range.end.value; last_end += PAGE_SIZE) {
            assert_int_equal(model[last_end >> PAGE_SHIFT], span->flags);
            model[last_end >> PAGE_SHIFT] = 0;
        }
    }
    for (unsigned page = 0; page < PAGES; page++)
        assert_int_equal(model[page], 0);
}

/* A source of tables that counts. */
static struct paddr count_alloc(void *context)
{
    void *table = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    *(uint64_t *)context += 1;
    return PADDR((uint64_t)(uintptr_t)table);
}

static void count_free(void *context, struct paddr table)
{
    *(uint64_t *)context -= 1;
    free(vaddr_pointer(VADDR(table.value)));
}

static void expect_exact_count(bool gigabyte_pages)
{
    uint64_t tables = 0;
    struct page_map map;
    struct table_source source = {count_alloc, count_free, &tables};
    assert_int_equal(paging_init(&map, 0, 4, gigabyte_pages, source), STATUS_OK);
    for (uint32_t i = 0; i < list->count; i++) {
        struct prange range = list->spans[i].range;
        assert_int_equal(paging_map(&map, VADDR(range.start.value), range, list->spans[i].flags), STATUS_OK);
    }
    assert_int_equal(span_table_count(list, 4, gigabyte_pages) + 1, tables);
    paging_destroy(&map);
    assert_int_equal(tables, 0);
}

static void count_is_what_the_walker_takes(void **state)
{
    (void)state;
    add(0, 0xA0000, RAM);
    add(0x100000, 0x7FF00000, RAM);
    add(0x7FF00000, 0x80000000, DEVICE);
    add(0xB0000000, 0xC0000000, DEVICE);
    add(0xFFC00000, 0x100000000, DEVICE);
    add(0x100000000, 0x1B0001000, RAM);
    add(0xFD00000000, 0x10000000000, DEVICE);
    add(0x10000200000, 0x10000201000, DEVICE);
    expect_exact_count(false);
    expect_exact_count(true);
}

static void count_agrees_for_drawn_lists(void **state)
{
    (void)state;
    srand(2);
    for (unsigned round = 0; round < 20; round++) {
        list->count = 0;
        for (unsigned i = 0; i < 40; i++) {
            uint64_t start = (uint64_t)rand() % (1u << 22) * PAGE_SIZE;
            uint64_t pages = (uint64_t)rand() % (i % 4 == 0 ? 1u << 19 : 600u);
            add(start, start + pages * PAGE_SIZE, rand() % 2 == 0 ? RAM : DEVICE);
        }
        expect_exact_count(round % 2 == 0);
    }
}

/* An image of two pages of headers and code, one of data; a pool; and the firmware's map around both. */
static struct boot boot_with_image(void *pool)
{
    struct boot boot = fake_boot();
    boot.image = (struct pe_image){
        .size_bytes = 0x3000,
        .section_count = 2,
        .sections = {{.name = ".text", .executable = true, .rva = 0x1000, .size_bytes = 0x1000},
                     {.name = ".data", .writable = true, .rva = 0x2000, .size_bytes = 0x1000}},
    };
    boot.handoff->image = (struct handoff_range){(uint64_t)(uintptr_t)__ImageBase, 0x3000};
    fake.allocations[0] = (uint64_t)(uintptr_t)pool;
    fake.allocation_count = 1;
    return boot;
}

static void add_machine(void)
{
    fake_add_descriptor(EFI_MMIO, 0xFFC00000, 0x400, EFI_MEMORY_UC | EFI_MEMORY_RUNTIME);
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x1000, 0x9F, WB);
    fake_add_descriptor(EFI_BOOT_SERVICES_CODE, 0, 1, WB);
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x100000, 0x40000, WB);
    fake_add_descriptor(EFI_RESERVED_MEMORY, 0x180000, 1, WB);
    fake_add_descriptor(EFI_RESERVED_MEMORY, 0xFD00000000, 1 << 30, 0);
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, (uint64_t)1 << 51, 1, WB);
}

static uint32_t flags_at(const struct boot *boot, uint64_t address)
{
    struct paging_entry entry;
    return paging_lookup(&boot->tables, VADDR(address), &entry) ? entry.flags : UINT32_MAX;
}

static void everything_is_there(void **state)
{
    (void)state;
    void *pool = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
    struct boot boot = boot_with_image(pool);
    add_machine();
    assert_true(first_map_reserve(&boot));
    assert_true(boot.handoff->page_tables.size_bytes <= POOL_PAGES * PAGE_SIZE);
    first_map_use(&boot);
    assert_int_equal(fake.root, boot.tables.root.value);
    assert_int_equal(boot.handoff->page_table_root, fake.root);
    assert_int_equal(flags_at(&boot, 0), RAM);
    assert_int_equal(flags_at(&boot, 0x180000), RAM);
    assert_int_equal(flags_at(&boot, 0xFFC00000), DEVICE);
    assert_int_equal(flags_at(&boot, 0xA0000), UINT32_MAX);
    assert_int_equal(flags_at(&boot, 0xFD00000000), UINT32_MAX); /* 4 TiB that nobody needs */
    assert_int_equal(flags_at(&boot, (uint64_t)(uintptr_t)pool), RAM);
    assert_int_equal(flags_at(&boot, KERNEL_IMAGE_BASE), 0);
    assert_int_equal(flags_at(&boot, KERNEL_IMAGE_BASE + 0x1000), PAGING_EXECUTE);
    assert_int_equal(flags_at(&boot, KERNEL_IMAGE_BASE + 0x2000), PAGING_WRITE);
    assert_int_equal(flags_at(&boot, KERNEL_IMAGE_BASE + 0x3000), UINT32_MAX);
    free(pool);
}

/* Thousands of pieces more than the preliminary map had: what is required no longer fits, and that is said. */
static void pool_that_is_too_small_is_a_failure(void **state)
{
    (void)state;
    void *pool = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
    struct boot boot = boot_with_image(pool);
    add_machine();
    assert_true(first_map_reserve(&boot));
    for (unsigned i = 0; i < 500; i++)
        fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x8000000000 + i * GIB, 1, WB);
    efi_status raw;
    assert_int_equal(firmware_map_get(boot.system_table, &boot.map, &raw), STATUS_OK);
    if (setjmp(fake.halted) == 0)
        first_map_use(&boot);
    assert_non_null(strstr(fake.serial, "keel: failure 4"));
    free(pool);
}

static void refusals_say_why(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    fake.map_fails_at = 1;
    fake.map_failure = EFI_BUFFER_TOO_SMALL;
    assert_false(first_map_reserve(&boot));
    assert_non_null(strstr(fake.text, "4096 descriptors"));
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x100000, 16, WB);
    assert_false(first_map_reserve(&boot)); /* no memory for the pool */
    assert_non_null(strstr(fake.text, "pages for page tables"));
    first_map_release(&boot);
    assert_int_equal(fake.freed_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(neighbours_melt, setup),
        cmocka_unit_test_setup(first_come_keeps_its_flags, setup),
        cmocka_unit_test_setup(covered_adds_nothing, setup),
        cmocka_unit_test_setup(agrees_with_a_page_model, setup),
        cmocka_unit_test_setup(count_is_what_the_walker_takes, setup),
        cmocka_unit_test_setup(count_agrees_for_drawn_lists, setup),
        cmocka_unit_test_setup(everything_is_there, setup),
        cmocka_unit_test_setup(pool_that_is_too_small_is_a_failure, setup),
        cmocka_unit_test_setup(refusals_say_why, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
