/* mm/mm.c, reclaim.c and audit.c: a small machine with a kernel image in it, from the firmware's map to reclaim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/layout.h"
#include "tests/unit/machine.h"
#include "tests/unit/port_fake.h"

/*
 *   0x0000000  boot services, one page; then Conventional     0x4000000  our image: text 16, data 8, .boot 8 pages
 *   0x0100000  Conventional                                    0x4020000  loader data: stack and first tables
 *   0x3000000  boot services, 16 MiB                           0x4030000  Conventional
 *                                                              0x7F00000  ACPI tables, NVS, runtime
 */
static const struct efi_memory_descriptor rows[] = {
    ROW(4, 0x0, 1, WB),
    ROW(7, 0x1000, 159, WB),
    ROW(0, 0xA0000, 96, 0),
    ROW(7, 0x100000, 12032, WB),
    ROW(4, 0x3000000, 4096, WB),
    ROW(1, 0x4000000, 32, WB),
    ROW(2, 0x4020000, 16, WB),
    ROW(7, 0x4030000, 16080, WB),
    ROW(9, 0x7F00000, 16, WB),
    ROW(10, 0x7F10000, 16, WB),
    ROW(6, 0x7F20000, 32, WB | EFI_MEMORY_RUNTIME),
    ROW(11, 0xFFC00000, 1024, EFI_MEMORY_UC | EFI_MEMORY_RUNTIME),
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))
#define TOTAL     (1 + 159 + 12032 + 4096 + 32 + 16 + 16080 + 16 + 16 + 32)

#define TEXT PRANGE(0x4000000, 0x4010000)
#define DATA PRANGE(0x4010000, 0x4018000)
#define BOOT PRANGE(0x4018000, 0x4020000)

static struct machine machine;

static int create(void **state)
{
    (void)state;
    machine_create(&machine, rows, ROW_COUNT);
    machine.config.segments[0] = (struct mm_segment){TEXT, VADDR(IMAGE_WINDOW), PAGING_EXECUTE, false};
    machine.config.segments[1] = (struct mm_segment){DATA, VADDR(IMAGE_WINDOW + 0x10000), PAGING_WRITE, false};
    machine.config.segments[2] = (struct mm_segment){BOOT, VADDR(IMAGE_WINDOW + 0x18000), PAGING_EXECUTE, true};
    machine.config.segment_count = 3;
    machine.config.busy[0] = PRANGE(0x4020000, 0x4030000);
    machine.config.busy_count = 1;
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    machine_destroy(&machine);
    return 0;
}

static bool looked_up(uint64_t address, struct paging_entry *entry)
{
    return paging_lookup(&machine.mm.kernel_map, VADDR(address), entry);
}

static bool in_direct_map(uint64_t address)
{
    struct paging_entry entry;
    bool mapped = looked_up(DIRECT_MAP_WINDOW + address, &entry);
    assert_true(!mapped || entry.flags == (PAGING_WRITE | PAGING_GLOBAL));
    assert_int_equal(mapped, mm_in_direct_map(&machine.mm, PRANGE(address, address + 1)));
    return mapped;
}

static void the_ledger_balances_at_every_stage(void **state)
{
    (void)state;
    struct ledger ledger;
    for (enum machine_stage stage = MACHINE_BEGUN; stage < MACHINE_RECLAIMED; stage++) {
        machine_reach(&machine, stage);
        ledger = machine_ledger(&machine);
        assert_int_equal(ledger.total, TOTAL);
        assert_int_equal(ledger.low, 160);
        assert_int_equal(ledger.firmware, 64);
        assert_int_equal(ledger.awaiting, 4096 + 16 + 8);
        assert_int_equal(ledger.reclaimed, 0);
    }
    machine_reach(&machine, MACHINE_RECLAIMED);
    ledger = machine_ledger(&machine);
    assert_int_equal(ledger.total, TOTAL);
    assert_int_equal(ledger.low, 160);
    assert_int_equal(ledger.firmware, 64);
    assert_int_equal(ledger.awaiting, 0);
    assert_int_equal(ledger.reclaimed, 4096);
    assert_int_equal(ledger.free + ledger.used, TOTAL - 160 - 64);
    assert_int_equal(ledger.listed[MEMORY_RESERVED], 96);
    assert_int_equal(ledger.listed[MEMORY_MMIO], 1024);
    assert_true(ledger.used < 24 + 64 + 32); /* the image, the page array, all else */
}

static void nothing_low_or_awaiting_is_handed_out(void **state)
{
    (void)state;
    machine_reach(&machine, MACHINE_DESCRIBED);
    struct frames *frames = &machine.mm.frames;
    assert_int_equal(frames_free_in(frames, PRANGE(0, MIB)), 0);
    assert_int_equal(frames_free_in(frames, PRANGE(0x3000000, 0x4030000)), 0);
    machine_reach(&machine, MACHINE_RECLAIMED);
    assert_int_equal(frames_free_in(frames, PRANGE(0, MIB)), 0);
    assert_int_equal(frames_free_in(frames, PRANGE(0x3000000, 0x4000000)), 4096);
    assert_int_equal(frames_free_in(frames, TEXT), 0);
    assert_int_equal(frames_free_in(frames, DATA), 0);
    assert_int_equal(frames_free_in(frames, BOOT), 8);
    assert_int_equal(frames_free_in(frames, PRANGE(0x4020000, 0x4030000)), 16);
    assert_int_equal(frames_free_in(frames, PRANGE(0x7F00000, 0x7F40000)), 0);
}

static void the_direct_map_holds_ram_and_no_image(void **state)
{
    (void)state;
    machine_reach(&machine, MACHINE_DESCRIBED);
    assert_true(in_direct_map(0x0));
    assert_true(in_direct_map(0x9F000));
    assert_false(in_direct_map(0xA0000));
    assert_true(in_direct_map(0x3000000));
    assert_false(in_direct_map(TEXT.start.value));
    assert_false(in_direct_map(DATA.end.value - 1));
    assert_false(in_direct_map(BOOT.start.value));
    assert_true(in_direct_map(0x4020000));
    assert_true(in_direct_map(0x7F00000));
    assert_true(in_direct_map(0x7F1FFFF));
    assert_false(in_direct_map(0x7F20000));
    assert_true(mm_in_direct_map(&machine.mm, PRANGE(0x2FFF000, 0x3001000)));
    assert_false(mm_in_direct_map(&machine.mm, PRANGE(0x3FFF000, 0x4001000)));
    struct paging_entry entry;
    assert_true(looked_up(DIRECT_MAP_WINDOW + 0x3000000, &entry));
    assert_int_equal(entry.size_bytes, 2 * MIB); /* regions of two kinds share it */
    assert_false(looked_up(0x3000000, &entry));
}

static void the_image_is_mapped_where_it_is_linked(void **state)
{
    (void)state;
    struct paging_entry entry;
    machine_reach(&machine, MACHINE_DESCRIBED);
    assert_true(looked_up(IMAGE_WINDOW + 0x5000, &entry));
    assert_int_equal(entry.page.value, 0x4005000);
    assert_int_equal(entry.flags, PAGING_EXECUTE | PAGING_GLOBAL);
    assert_true(looked_up(IMAGE_WINDOW + 0x10000, &entry));
    assert_int_equal(entry.flags, PAGING_WRITE | PAGING_GLOBAL);
    assert_true(looked_up(IMAGE_WINDOW + 0x18000, &entry));

    assert_true(port_fake_touch(VADDR(IMAGE_WINDOW + 0x18000)));
    machine_reach(&machine, MACHINE_RECLAIMED);
    assert_int_equal(port_fake_stale(), 0);
    assert_true(looked_up(IMAGE_WINDOW + 0x10000, &entry));
    assert_false(looked_up(IMAGE_WINDOW + 0x18000, &entry));
    assert_true(in_direct_map(BOOT.start.value));
    assert_false(in_direct_map(TEXT.start.value));
}

static void kept_ranges_survive_reclaim(void **state)
{
    (void)state;
    struct mm *mm = &machine.mm;
    machine_reach(&machine, MACHINE_DESCRIBED);
    assert_int_equal(mm_keep(mm, PRANGE(0x3400FFF, 0x3401001)), STATUS_OK); /* two pages of boot services */
    assert_int_equal(mm_keep(mm, PRANGE(0x2FFF000, 0x3001000)), STATUS_OK); /* one of them Conventional */
    assert_int_equal(mm_keep(mm, PRANGE(0x7F00000, 0x7F00100)), STATUS_OK); /* the firmware's already */
    assert_int_equal(mm_keep(mm, PRANGE(0x0, 0x100)), STATUS_OK);           /* low */
    assert_int_equal(mm_keep(mm, PRANGE(0x1000, 0x1000)), STATUS_INVALID);
    assert_int_equal(mm_keep(mm, PRANGE(UINT64_MAX - 5, UINT64_MAX)), STATUS_INVALID);
    machine_reach(&machine, MACHINE_RECLAIMED);
    struct ledger ledger = machine_ledger(&machine);
    assert_int_equal(ledger.firmware, 64 + 3);
    assert_int_equal(ledger.reclaimed, 4096 - 3);
    assert_int_equal(frames_free_in(&mm->frames, PRANGE(0x3000000, 0x3001000)), 0);
    assert_int_equal(frames_free_in(&mm->frames, PRANGE(0x3400000, 0x3402000)), 0);
    assert_int_equal(frames_free_in(&mm->frames, PRANGE(0x3000000, 0x4000000)), 4096 - 3);
    assert_true(page_array_is_kind(&mm->pages, PRANGE(0x3400000, 0x3402000), PAGE_FIRMWARE));
}

static void reclaim_wants_the_token_and_once(void **state)
{
    (void)state;
    struct page_array_token none = {0};
    machine_reach(&machine, MACHINE_STARTED);
    expect_assert_failure(mm_reclaim(&machine.mm, &none));
    machine_reach(&machine, MACHINE_DESCRIBED);
    expect_assert_failure(mm_reclaim(&machine.mm, &none));
    machine_reach(&machine, MACHINE_RECLAIMED);
    expect_assert_failure(mm_reclaim(&machine.mm, &machine.token));
    expect_assert_failure((void)!mm_keep(&machine.mm, PRANGE(0x3000000, 0x3001000)));
}

/* Each thing that the audit compares, broken once. */
static void the_audit_sees_each_disagreement(void **state)
{
    (void)state;
    struct mm *mm = &machine.mm;
    machine_reach(&machine, MACHINE_RECLAIMED);
    page_array_set_kind(&mm->pages, PRANGE(0x3000000, 0x3001000), PAGE_AWAITING);
    assert_int_equal(mm_audit(mm), STATUS_INVALID);
    page_array_set_kind(&mm->pages, PRANGE(0x3000000, 0x3001000), PAGE_FRAME);
    assert_int_equal(mm_audit(mm), STATUS_OK);
    mm->kept_pages++;
    assert_int_equal(mm_audit(mm), STATUS_INVALID);
    mm->kept_pages--;
    mm->early.used_pages--;
    assert_int_equal(mm_audit(mm), STATUS_INVALID);
    mm->early.used_pages++;
    frames_add(&mm->frames, PRANGE(0x7F00000, 0x7F01000)); /* a page of ACPI's, freed by mistake */
    assert_int_equal(mm_audit(mm), STATUS_INVALID);
}

static void the_firmwares_map_is_kept_as_it_was(void **state)
{
    (void)state;
    uint32_t count;
    machine_reach(&machine, MACHINE_STARTED);
    const struct efi_memory_descriptor *copy = mm_firmware_map(&machine.mm, &count);
    assert_int_equal(count, ROW_COUNT);
    assert_memory_equal(copy, rows, sizeof(rows));
}

static void cpus_get_caches(void **state)
{
    (void)state;
    struct mm *mm = &machine.mm;
    assert_null(mm_cpu(mm, 0));
    machine_reach(&machine, MACHINE_RECLAIMED);
    assert_ptr_equal(mm_cpu(mm, 0), &mm->boot_cpu);
    assert_null(mm_cpu(mm, 1));
    assert_int_equal(mm_add_cpu(mm, 1), STATUS_OK);
    assert_int_equal(mm_add_cpu(mm, MM_CPUS_MAX - 1), STATUS_OK);
    assert_int_equal(mm_add_cpu(mm, MM_CPUS_MAX), STATUS_LIMIT);
    assert_null(mm_cpu(mm, MM_CPUS_MAX));
    struct paddr frame = frame_alloc(&mm_cpu(mm, 1)->frames, 0);
    assert_true(frame.value >= MIB);
    machine_ledger(&machine); /* while a cache holds frames */
    frame_free(&mm_cpu(mm, 1)->frames, frame, 0);
    machine_ledger(&machine);
}

static void one_cpu_more_than_once_is_a_bug(void **state)
{
    (void)state;
    machine_reach(&machine, MACHINE_STARTED);
    expect_assert_failure((void)!mm_add_cpu(&machine.mm, 0));
    expect_assert_failure((void)!mm_start_frames(&machine.mm));
}

/* .boot alone in its 2 MiB, so that its direct map needs a page table; and not one frame is free. */
static void reclaim_without_frames(bool table_stays)
{
    static const struct efi_memory_descriptor few[] = {ROW(7, 0x100000, 512, WB), ROW(1, 0x4000000, 9, WB)};
    machine_destroy(&machine);
    machine_create(&machine, few, 2);
    struct mm_config *config = &machine.config;
    config->segments[0] =
        (struct mm_segment){PRANGE(0x4000000, 0x4008000), VADDR(IMAGE_WINDOW), PAGING_EXECUTE, true};
    config->segments[1] =
        (struct mm_segment){PRANGE(0x4008000, 0x4009000), VADDR(IMAGE_WINDOW + 0x8000), PAGING_WRITE, false};
    config->segment_count = table_stays ? 2 : 1;
    machine_reach(&machine, MACHINE_DESCRIBED);
    while (frames_take(&machine.mm.frames, 0, FRAMES_NO_LIMIT).value != 0)
        ;
    machine_reach(&machine, MACHINE_RECLAIMED);
}

static void boot_segments_that_cannot_be_mapped_stay_ours(void **state)
{
    (void)state;
    reclaim_without_frames(true);
    assert_int_equal(frames_free_in(&machine.mm.frames, PRANGE(0x4000000, 0x4009000)), 0);
    assert_int_equal(machine.mm.image_pages, 9);
    assert_false(in_direct_map(0x4000000));
}

/* The tables that mapped .boot are empty then, and serve again. */
static void tables_of_early_pages_are_used_again(void **state)
{
    (void)state;
    reclaim_without_frames(false);
    assert_int_equal(frames_free_in(&machine.mm.frames, PRANGE(0x4000000, 0x4008000)), 8);
    assert_int_equal(machine.mm.image_pages, 0);
    assert_true(in_direct_map(0x4000000));
}

static enum status begin_with(const struct efi_memory_descriptor *some, uint32_t count)
{
    struct mm_config config = machine.config;
    config.map.descriptors = some;
    config.map.size_bytes = count * sizeof(*some);
    memset(&machine.mm, 0, sizeof(machine.mm));
    return mm_begin(&machine.mm, &config);
}

static void no_conventional_memory_is_refused(void **state)
{
    (void)state;
    assert_int_equal(begin_with(&rows[4], 3), STATUS_NO_MEMORY); /* boot services and loader only */
    assert_int_equal(begin_with(rows, 3), STATUS_NO_MEMORY);     /* Conventional below 1 MiB only */
    assert_int_equal(begin_with(rows, 0), STATUS_INVALID);
    const struct efi_memory_descriptor nothing[] = {ROW(7, 0x100000, 0, WB), ROW(7, 0xFFFFFFFFFFFFF000, 2, WB)};
    assert_int_equal(begin_with(nothing, 2), STATUS_NO_MEMORY); /* not one region is left */
}

/* Firmware may load us there. Nothing below 1 MiB is freed, so nothing of it enters the direct map. */
static void a_temporary_segment_below_1mib_is_in_no_direct_map(void **state)
{
    (void)state;
    struct paging_entry entry;
    machine.config.segments[2].range = PRANGE(0x10000, 0x18000);
    machine_reach(&machine, MACHINE_RECLAIMED);
    assert_false(paging_lookup(&machine.mm.kernel_map, VADDR(DIRECT_MAP_WINDOW + 0x10000), &entry));
    assert_false(mm_in_direct_map(&machine.mm, PRANGE(0x10000, 0x18000)));
}

/* However little there is: some stage says so, nothing is written where it should not be. */
static void scarce_memory_is_a_status(void **state)
{
    (void)state;
    bool succeeded = false;
    for (uint64_t pages = 1; pages < 200 && !succeeded; pages++) {
        struct efi_memory_descriptor few[] = {ROW(7, 0x100000, pages, WB), ROW(4, 0x3000000, 4096, WB)};
        enum status status = begin_with(few, 2);
        if (status == STATUS_OK)
            status = mm_build_map(&machine.mm);
        if (status == STATUS_OK)
            status = mm_start_frames(&machine.mm);
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        struct ledger ledger;
        mm_ledger(&machine.mm, &ledger);
        assert_int_equal(ledger.unaccounted, 0);
        succeeded = status == STATUS_OK;
    }
    assert_true(succeeded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_ledger_balances_at_every_stage, create, destroy),
        cmocka_unit_test_setup_teardown(nothing_low_or_awaiting_is_handed_out, create, destroy),
        cmocka_unit_test_setup_teardown(the_direct_map_holds_ram_and_no_image, create, destroy),
        cmocka_unit_test_setup_teardown(the_image_is_mapped_where_it_is_linked, create, destroy),
        cmocka_unit_test_setup_teardown(kept_ranges_survive_reclaim, create, destroy),
        cmocka_unit_test_setup_teardown(reclaim_wants_the_token_and_once, create, destroy),
        cmocka_unit_test_setup_teardown(the_audit_sees_each_disagreement, create, destroy),
        cmocka_unit_test_setup_teardown(the_firmwares_map_is_kept_as_it_was, create, destroy),
        cmocka_unit_test_setup_teardown(cpus_get_caches, create, destroy),
        cmocka_unit_test_setup_teardown(one_cpu_more_than_once_is_a_bug, create, destroy),
        cmocka_unit_test_setup_teardown(boot_segments_that_cannot_be_mapped_stay_ours, create, destroy),
        cmocka_unit_test_setup_teardown(tables_of_early_pages_are_used_again, create, destroy),
        cmocka_unit_test_setup_teardown(no_conventional_memory_is_refused, create, destroy),
        cmocka_unit_test_setup_teardown(a_temporary_segment_below_1mib_is_in_no_direct_map, create, destroy),
        cmocka_unit_test_setup_teardown(scarce_memory_is_a_status, create, destroy),
    };
    return cmocka_run_group_tests_name("mm", tests, NULL, NULL);
}
