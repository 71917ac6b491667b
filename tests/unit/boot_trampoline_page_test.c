/* boot/trampoline_page.c and pages.c: a page below 1 MiB from the firmware, or from what it leaves behind. */
#include "tests/unit/boot_fake.h"

#include "boot/pages.h"
#include "boot/trampoline_page.h"

#define WB EFI_MEMORY_WB

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void allocate(unsigned count, const uint64_t *addresses)
{
    for (unsigned i = 0; i < count; i++)
        fake.allocations[i] = addresses[i];
    fake.allocation_count = count;
}
#define ALLOCATE(...) allocate(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

static uint64_t reserve(void)
{
    struct boot boot = fake_boot();
    trampoline_page_reserve(&boot);
    return boot.handoff->trampoline;
}

static void firmware_gives_one(void **state)
{
    (void)state;
    ALLOCATE(0x9F000);
    assert_int_equal(reserve(), 0x9F000);
    assert_int_equal(fake.freed_count, 0);
}

static void firmware_has_none(void **state)
{
    (void)state;
    assert_int_equal(reserve(), 0);
}

/* Page 0 is held while another is asked for, then given back. */
static void page_zero_is_not_taken(void **state)
{
    (void)state;
    ALLOCATE(0, 0x5000);
    assert_int_equal(reserve(), 0x5000);
    assert_int_equal(fake.freed_count, 1);
    assert_int_equal(fake.freed[0], 0);
}

static void only_page_zero_is_none(void **state)
{
    (void)state;
    ALLOCATE(0);
    assert_int_equal(reserve(), 0);
    assert_int_equal(fake.freed_count, 1);
}

static void limit_that_was_not_heeded(void **state)
{
    (void)state;
    ALLOCATE(0xA0000);
    assert_int_equal(reserve(), 0);
    assert_int_equal(fake.freed[0], 0xA0000);
}

static void release_gives_it_back_once(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    ALLOCATE(0x8000);
    trampoline_page_reserve(&boot);
    trampoline_page_release(&boot);
    trampoline_page_release(&boot);
    assert_int_equal(fake.freed_count, 1);
    assert_int_equal(fake.freed[0], 0x8000);
}

static uint64_t choose(void)
{
    struct boot boot = fake_boot();
    assert_int_equal(firmware_map_get(boot.system_table, &boot.map), STATUS_OK);
    return trampoline_page_choose(&boot.map);
}

/* [0, 0x9F000) boot services, one block: the highest page, not page 0. */
static void one_block_from_page_zero(void **state)
{
    (void)state;
    fake_add_descriptor(EFI_BOOT_SERVICES_DATA, 0, 0x9F, WB);
    assert_int_equal(choose(), 0x9E000);
}

static void nothing_above_a0000(void **state)
{
    (void)state;
    fake_add_descriptor(EFI_BOOT_SERVICES_CODE, 0x90000, 0x100, WB);
    assert_int_equal(choose(), 0x9F000);
}

static void only_page_zero(void **state)
{
    (void)state;
    fake_add_descriptor(EFI_BOOT_SERVICES_CODE, 0, 1, WB);
    fake_add_descriptor(EFI_RESERVED_MEMORY, 0x1000, 0x9F, WB);
    assert_int_equal(choose(), 0);
}

static void others_are_not_taken(void **state)
{
    (void)state;
    fake_add_descriptor(EFI_RESERVED_MEMORY, 0x98000, 8, WB);
    fake_add_descriptor(EFI_RUNTIME_SERVICES_DATA, 0x90000, 8, WB);
    fake_add_descriptor(EFI_BOOT_SERVICES_DATA, 0x80000, 0x10, WB | EFI_MEMORY_RUNTIME);
    fake_add_descriptor(EFI_BOOT_SERVICES_DATA, 0x70000, 0x10, EFI_MEMORY_UC);
    fake_add_descriptor(EFI_BOOT_SERVICES_DATA, 0x1000, 2, WB);
    assert_int_equal(choose(), 0x2000);
}

/* A reserved island inside boot services, listed before or after it. */
static void overlaps_forbid(void **state)
{
    (void)state;
    fake_add_descriptor(EFI_RESERVED_MEMORY, 0x9E000, 1, WB);
    fake_add_descriptor(EFI_BOOT_SERVICES_DATA, 0x1000, 0x9E, WB);
    fake_add_descriptor(EFI_RESERVED_MEMORY, 0x9D000, 2, WB);
    assert_int_equal(choose(), 0x9C000);
}

static void taking_says_so(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    fake_add_descriptor(EFI_BOOT_SERVICES_DATA, 0x3000, 1, WB);
    assert_int_equal(firmware_map_get(boot.system_table, &boot.map), STATUS_OK);
    trampoline_page_take(&boot);
    assert_int_equal(boot.handoff->trampoline, 0x3000);
    assert_int_equal(boot.handoff->warnings, HANDOFF_WARNING_TRAMPOLINE_TAKEN);
    trampoline_page_take(&boot);
    assert_int_equal(boot.handoff->trampoline, 0x3000);
}

static void without_any_it_says_so_too(void **state)
{
    (void)state;
    struct boot boot = fake_boot();
    trampoline_page_take(&boot);
    assert_int_equal(boot.handoff->trampoline, 0);
    assert_int_equal(boot.handoff->warnings, HANDOFF_WARNING_NO_TRAMPOLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(firmware_gives_one, setup),
        cmocka_unit_test_setup(firmware_has_none, setup),
        cmocka_unit_test_setup(page_zero_is_not_taken, setup),
        cmocka_unit_test_setup(only_page_zero_is_none, setup),
        cmocka_unit_test_setup(limit_that_was_not_heeded, setup),
        cmocka_unit_test_setup(release_gives_it_back_once, setup),
        cmocka_unit_test_setup(one_block_from_page_zero, setup),
        cmocka_unit_test_setup(nothing_above_a0000, setup),
        cmocka_unit_test_setup(only_page_zero, setup),
        cmocka_unit_test_setup(others_are_not_taken, setup),
        cmocka_unit_test_setup(overlaps_forbid, setup),
        cmocka_unit_test_setup(taking_says_so, setup),
        cmocka_unit_test_setup(without_any_it_says_so_too, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
