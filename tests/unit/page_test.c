/* mm/page.c: what each frame's entry says after filling, by one CPU and by many, and who gets a token when. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/machine.h"

/* Section 0: low memory, a boot-services block, holes, runtime memory. Section 8 (1 GiB): a boot-services page, then
 * ours. */
static const struct efi_memory_descriptor rows[] = {
    ROW(7, 0x1000, 159, WB),   ROW(7, 0x100000, 4096, WB),
    ROW(4, 0x1100000, 16, WB), ROW(6, 0x1120000, 16, WB | EFI_MEMORY_RUNTIME),
    ROW(0, 0x1130000, 1, WB),  ROW(2, 0x1131000, 1, WB),
    ROW(4, GIB, 1, WB),        ROW(7, GIB + 0x1000, 4, WB),
};
static struct machine machine;

static int create(void **state)
{
    (void)state;
    machine_create(&machine, rows, sizeof(rows) / sizeof(rows[0]));
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    machine_destroy(&machine);
    return 0;
}

static void assert_kind(uint64_t address, enum page_kind kind)
{
    struct prange page = PRANGE(align_down(address, PAGE_SIZE), align_down(address, PAGE_SIZE) + PAGE_SIZE);
    for (enum page_kind other = PAGE_FRAME; other <= PAGE_ABSENT; other++)
        assert_int_equal(page_array_is_kind(&machine.mm.pages, page, other), other == kind);
}

/* What has no entry agrees with every kind. */
static void assert_no_entry(uint64_t address)
{
    for (enum page_kind kind = PAGE_FRAME; kind <= PAGE_ABSENT; kind++)
        assert_true(page_array_is_kind(&machine.mm.pages, PRANGE(address, address + PAGE_SIZE), kind));
}

static void entries_tell_the_owner(void **state)
{
    (void)state;
    machine_reach(&machine, MACHINE_DESCRIBED);
    assert_kind(0x0, PAGE_ABSENT);
    assert_kind(0x1000, PAGE_LOW);
    assert_kind(0x9FFFF, PAGE_LOW);
    assert_kind(0xA0000, PAGE_ABSENT);
    assert_kind(0x100000, PAGE_FRAME);
    assert_kind(0x10FFFFF, PAGE_KERNEL); /* early pages come from the end of the largest region */
    assert_kind(0x1100000, PAGE_AWAITING);
    assert_kind(0x110FFFF, PAGE_AWAITING);
    assert_kind(0x1110000, PAGE_ABSENT);
    assert_kind(0x1120000, PAGE_FIRMWARE);
    assert_kind(0x1130000, PAGE_ABSENT);
    assert_kind(0x1131000, PAGE_AWAITING);
    assert_kind(0x1132000, PAGE_ABSENT);
    assert_kind(0x11FFFFF, PAGE_ABSENT);
    assert_kind(0x1200000, PAGE_ABSENT);
    assert_no_entry(0x2000000);
    assert_no_entry(512 * MIB);
    assert_kind(GIB, PAGE_AWAITING);
    assert_kind(GIB + 0x1000, PAGE_FRAME);
    assert_kind(GIB + 0x5000, PAGE_ABSENT);
    assert_no_entry(GIB + PAGE_SPAN_BYTES);
}

/* Two spans with memory in section 0 (0 to 0x1200000), one at 1 GiB: three pages, and no more. */
static void only_spans_with_memory_cost_a_page(void **state)
{
    (void)state;
    machine_reach(&machine, MACHINE_STARTED);
    uint32_t pages = 0;
    for (uint32_t span = 0; span < machine.mm.sections.count * PAGE_SPANS; span++)
        pages += machine.mm.pages.entry_pages[span] != 0;
    assert_int_equal(pages, 3);
}

static void kinds_are_set_by_range(void **state)
{
    (void)state;
    const struct page_array *pages = &machine.mm.pages;
    machine_reach(&machine, MACHINE_DESCRIBED);
    assert_true(page_array_is_kind(pages, PRANGE(0x1100000, 0x1110000), PAGE_AWAITING));
    assert_false(page_array_is_kind(pages, PRANGE(0x10FF000, 0x1110000), PAGE_AWAITING));
    assert_false(page_array_is_kind(pages, PRANGE(0x1100000, 0x1111000), PAGE_AWAITING));
    /* A device of four petabytes takes no longer (it took minutes). */
    assert_true(page_array_is_kind(pages, PRANGE(TIB, MEMMAP_PHYSICAL_END), PAGE_ABSENT));
    assert_int_equal(frames_free_in(&machine.mm.frames, PRANGE(TIB, MEMMAP_PHYSICAL_END)), 0);
    page_array_set_kind(pages, PRANGE(0x1FE000, 0x402000), PAGE_FIRMWARE); /* across two block borders */
    assert_kind(0x1FD000, PAGE_FRAME);
    assert_kind(0x1FE000, PAGE_FIRMWARE);
    assert_kind(0x300000, PAGE_FIRMWARE);
    assert_kind(0x401000, PAGE_FIRMWARE);
    assert_kind(0x402000, PAGE_FRAME);
    page_array_set_kind(pages, PRANGE(0x1200000, GIB + 0x1000), PAGE_LOW); /* mostly without entries */
    assert_kind(GIB, PAGE_LOW);
    assert_kind(GIB + 0x1000, PAGE_FRAME);
}

static void *describe(void *context)
{
    mm_describe(context);
    return NULL;
}

static void many_cpus_fill_each_section_once(void **state)
{
    (void)state;
    pthread_t threads[8];
    machine_reach(&machine, MACHINE_STARTED);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, describe, &machine.mm), 0);
    for (unsigned i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    struct page_array_token token;
    assert_int_equal(mm_described(&machine.mm, &token), STATUS_OK);
    assert_int_equal(machine.mm.pages.ready, machine.mm.sections.count);
    assert_int_equal(mm_audit(&machine.mm), STATUS_OK);
}

/* A section that another CPU has claimed, and never finished, holds the token back. */
static void no_token_before_all_are_ready(void **state)
{
    (void)state;
    struct page_array *pages = &machine.mm.pages;
    struct page_array_token token = {0};
    machine_reach(&machine, MACHINE_STARTED);
    assert_int_equal(mm_described(&machine.mm, &token), STATUS_TIMEOUT);
    assert_false(page_array_token_valid(pages, &token));
    pages->states[1] = PAGE_SECTION_CLAIMED;
    mm_describe(&machine.mm);
    assert_int_equal(pages->states[0], PAGE_SECTION_READY);
    assert_int_equal(pages->states[1], PAGE_SECTION_CLAIMED);
    assert_int_equal(mm_described(&machine.mm, &token), STATUS_TIMEOUT);
    assert_false(page_array_token_valid(pages, &token));
    expect_assert_failure(page_array_is_kind(pages, PRANGE(GIB, GIB + 0x1000), PAGE_FRAME));
    expect_assert_failure(page_array_set_kind(pages, PRANGE(GIB, GIB + 0x1000), PAGE_FRAME));
}

static void a_token_is_of_one_array(void **state)
{
    (void)state;
    machine_reach(&machine, MACHINE_DESCRIBED);
    assert_true(page_array_token_valid(&machine.mm.pages, &machine.token));
    struct page_array_token forged = {.array = &machine.mm.pages};
    struct page_array other = machine.mm.pages;
    assert_false(page_array_token_valid(&machine.mm.pages, &forged));
    assert_false(page_array_token_valid(&other, &machine.token));
    assert_false(page_array_token_valid(&machine.mm.pages, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_tell_the_owner, create, destroy),
        cmocka_unit_test_setup_teardown(only_spans_with_memory_cost_a_page, create, destroy),
        cmocka_unit_test_setup_teardown(kinds_are_set_by_range, create, destroy),
        cmocka_unit_test_setup_teardown(many_cpus_fill_each_section_once, create, destroy),
        cmocka_unit_test_setup_teardown(no_token_before_all_are_ready, create, destroy),
        cmocka_unit_test_setup_teardown(a_token_is_of_one_array, create, destroy),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
