/*
 * boot/first_map.c: what is mapped and how, when parts of the map overlap, and that the pool is large enough. The
 * tables are built by the real walker in the host's own memory (the window is 0 here too).
 */
#include "tests/unit/boot_fake.h"

#include <stdlib.h>
#include <string.h>

#include "boot/first_map.h"
#include "boot/image.h"
#include "mm/layout.h"

#define RAM    PAGING_FIRMWARE_RWX
#define DEVICE (PAGING_FIRMWARE_RWX | PAGING_UNCACHED)
#define WB     EFI_MEMORY_WB
#define POOL_PAGES 8192u
#define SLACK_LEFT 128u /* of 256: the pool itself, which is not known when its size is computed, takes some */

static void *pool;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    pool = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(pool);
    return 0;
}

/* An image of two pages of headers and code, one of data; a pool; and the firmware's map around both. */
static struct boot boot_with_image(void)
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

/* Reserves, builds, and checks that the pool was large enough without what is there for a map that changes. */
static struct boot mapped(bool gigabyte_pages)
{
    struct boot boot = boot_with_image();
    boot.gigabyte_pages = gigabyte_pages;
    assert_true(first_map_reserve(&boot));
    assert_true(boot.handoff->page_tables.size_bytes <= POOL_PAGES * PAGE_SIZE);
    if (setjmp(fake.halted) != 0)
        fail_msg("%s", fake.serial);
    boot.handoff->layout.image = IMAGE_WINDOW + GIB - PAGE_SIZE; /* where it takes the most tables */
    first_map_use(&boot);
    assert_true(boot.tables.table_count + SLACK_LEFT <= boot.handoff->page_tables.size_bytes >> PAGE_SHIFT);
    return boot;
}

/*
 * RAM:          |####|   |####|
 * Device:     |.................|     listed first, and runtime
 * Reserved: |_____________________|   listed before both
 */
static void what_matters_more_wins(void **state)
{
    (void)state;
    fake_add_descriptor(EFI_RESERVED_MEMORY, 0x0000, 10, WB);
    fake_add_descriptor(EFI_MMIO, 0x1000, 8, EFI_MEMORY_UC | EFI_MEMORY_RUNTIME);
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x6000, 2, WB);
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x2000, 2, WB);
    struct boot boot = mapped(false);
    const uint32_t flags[] = {DEVICE, DEVICE, RAM, RAM, DEVICE, DEVICE, RAM, RAM, DEVICE, DEVICE, UINT32_MAX};
    for (uint64_t page = 0; page < ARRAY_COUNT(flags); page++)
        assert_int_equal(flags_at(&boot, page * PAGE_SIZE), flags[page]);
}

/* A map in pieces takes the tables of one that is whole. */
static void neighbours_melt(void **state)
{
    (void)state;
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0, 0x10000, WB);
    uint64_t whole = mapped(false).tables.table_count;
    fake_reset();
    for (uint64_t i = 0; i < 0x100; i++)
        fake_add_descriptor(i % 2 == 0 ? EFI_CONVENTIONAL_MEMORY : EFI_LOADER_DATA, i * 0x100000, 0x100, WB);
    struct boot boot = mapped(false);
    assert_int_equal(boot.tables.table_count, whole);
    struct paging_entry entry;
    assert_true(paging_lookup(&boot.tables, VADDR(0x300000), &entry));
    assert_int_equal(entry.size_bytes, 2 * MIB);
}

/* Against a byte a page, with maps that a fixed seed draws. */
static void agrees_with_a_page_model(void **state)
{
    enum { PAGES = 2048, ROUNDS = 10, DESCRIPTORS = 60 };
    static const struct {
        uint32_t type;
        uint64_t attribute;
        uint32_t flags;
    } kinds[] = {{EFI_CONVENTIONAL_MEMORY, WB, RAM},
                 {EFI_MMIO, EFI_MEMORY_UC | EFI_MEMORY_RUNTIME, DEVICE},
                 {EFI_RESERVED_MEMORY, 0, DEVICE}};
    (void)state;
    srand(1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t model[PAGES];
        for (unsigned page = 0; page < PAGES; page++)
            model[page] = UINT32_MAX;
        fake_reset();
        for (unsigned i = 0; i < DESCRIPTORS; i++) {
            unsigned start = (unsigned)rand() % PAGES;
            unsigned pages = (unsigned)rand() % (i % 8 == 0 ? PAGES : 20);
            unsigned kind = (unsigned)rand() % ARRAY_COUNT(kinds);
            pages = pages > PAGES - start ? PAGES - start : pages;
            fake_add_descriptor(kinds[kind].type, start * PAGE_SIZE, pages, kinds[kind].attribute);
            for (unsigned page = start; page < start + pages; page++)
                model[page] = model[page] == RAM ? RAM : kinds[kind].flags;
        }
        struct boot boot = mapped(round % 2 == 0);
        for (uint64_t page = 0; page < PAGES; page++)
            assert_int_equal(flags_at(&boot, page * PAGE_SIZE), model[page]);
    }
}

/* Large ranges, every size of page; what `mapped` checks is the point. */
static void pool_suffices_for_drawn_maps(void **state)
{
    (void)state;
    srand(2);
    for (unsigned round = 0; round < 40; round++) {
        fake_reset();
        for (unsigned i = 0; i < 40; i++) {
            uint64_t start = (uint64_t)rand() % (1u << 22) * PAGE_SIZE;
            uint64_t pages = (uint64_t)rand() % (i % 4 == 0 ? 1u << 19 : 600u);
            fake_add_descriptor(rand() % 2 == 0 ? EFI_CONVENTIONAL_MEMORY : EFI_RUNTIME_SERVICES_DATA, start, pages,
                                rand() % 2 == 0 ? WB : EFI_MEMORY_UC);
        }
        mapped(round % 2 == 0);
    }
}

static void everything_is_there(void **state)
{
    (void)state;
    struct boot boot = boot_with_image();
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
    assert_int_equal(flags_at(&boot, IMAGE_WINDOW), 0);
    assert_int_equal(flags_at(&boot, IMAGE_WINDOW + 0x1000), PAGING_EXECUTE);
    assert_int_equal(flags_at(&boot, IMAGE_WINDOW + 0x2000), PAGING_WRITE);
    assert_int_equal(flags_at(&boot, IMAGE_WINDOW + 0x3000), UINT32_MAX);
}

/* Thousands of pieces more than the preliminary map had: what is required no longer fits, and that is said. */
static void pool_that_is_too_small_is_a_failure(void **state)
{
    (void)state;
    struct boot boot = boot_with_image();
    add_machine();
    assert_true(first_map_reserve(&boot));
    for (unsigned i = 0; i < 500; i++)
        fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x8000000000 + i * GIB, 1, WB);
    assert_int_equal(firmware_map_get(boot.system_table, &boot.map), STATUS_OK);
    if (setjmp(fake.halted) == 0)
        first_map_use(&boot);
    assert_non_null(strstr(fake.serial, "keel: failure 4"));
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
        cmocka_unit_test_setup_teardown(what_matters_more_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(neighbours_melt, setup, teardown),
        cmocka_unit_test_setup_teardown(agrees_with_a_page_model, setup, teardown),
        cmocka_unit_test_setup_teardown(pool_suffices_for_drawn_maps, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(pool_that_is_too_small_is_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_say_why, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
