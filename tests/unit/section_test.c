/* mm/section.c: dense slots over scattered memory, and the way back from each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mm/section.h"

#define REGION(first, last, memory_kind)                  \
    {                                                     \
        .range = {{first}, {last}}, .kind = (memory_kind) \
    }

/* Sections 0, 1 (by one page), 3 and 8192; the reserved terabyte, low memory and runtime memory need none. */
static struct memory_region regions[] = {
    REGION(0x0, 0xA0000, MEMORY_CONVENTIONAL),
    REGION(MIB, SECTION_BYTES + PAGE_SIZE, MEMORY_CONVENTIONAL),
    REGION(SECTION_BYTES + PAGE_SIZE, 2 * SECTION_BYTES, MEMORY_KERNEL),
    REGION(2 * SECTION_BYTES, 3 * SECTION_BYTES, MEMORY_RUNTIME),
    REGION(3 * SECTION_BYTES + MIB, 3 * SECTION_BYTES + 2 * MIB, MEMORY_LOADER),
    REGION(TIB, TIB + PAGE_SIZE, MEMORY_BOOT_SERVICES),
    REGION(4 * TIB, 5 * TIB, MEMORY_RESERVED),
};
static const struct memmap map = {.regions = regions, .count = 7};

static void slots_are_dense_and_rising(void **state)
{
    (void)state;
    struct section_table table;
    section_measure(&table, &map);
    assert_int_equal(table.count, 4);
    assert_int_equal(section_table_bytes(&table), (8193 + 4) * sizeof(uint32_t));
    void *memory = malloc(section_table_bytes(&table));
    section_build(&table, &map, memory);
    assert_int_equal(table.count, 4);
    assert_int_equal(section_slot(&table, PADDR(0)), 0);
    assert_int_equal(section_slot(&table, PADDR(2 * SECTION_BYTES - 1)), 1);
    assert_int_equal(section_slot(&table, PADDR(2 * SECTION_BYTES)), SECTION_NONE);
    assert_int_equal(section_slot(&table, PADDR(3 * SECTION_BYTES)), 2);
    assert_int_equal(section_slot(&table, PADDR(TIB)), 3);
    assert_int_equal(section_slot(&table, PADDR(TIB + SECTION_BYTES)), SECTION_NONE);
    assert_int_equal(section_slot(&table, PADDR(UINT64_MAX)), SECTION_NONE);
    for (uint32_t slot = 0; slot < table.count; slot++)
        assert_int_equal(section_slot(&table, section_base(&table, slot)), slot);
    free(memory);
}

static void blocks_count_through_slots(void **state)
{
    (void)state;
    struct section_table table;
    section_measure(&table, &map);
    void *memory = malloc(section_table_bytes(&table));
    section_build(&table, &map, memory);
    struct paddr address = PADDR(3 * SECTION_BYTES + 5 * BLOCK_BYTES + 12345);
    assert_int_equal(section_block(&table, address), 2 * SECTION_BLOCKS + 5);
    assert_int_equal(section_block_base(&table, 2 * SECTION_BLOCKS + 5).value, 3 * SECTION_BYTES + 5 * BLOCK_BYTES);
    expect_assert_failure(section_block(&table, PADDR(2 * SECTION_BYTES)));
    expect_assert_failure(section_base(&table, 4));
    free(memory);
}

static void no_memory_needs_no_slot(void **state)
{
    (void)state;
    struct memmap low = {.regions = regions, .count = 1};
    struct section_table table;
    section_measure(&table, &low);
    assert_int_equal(table.count, 0);
    assert_int_equal(section_table_bytes(&table), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_dense_and_rising),
        cmocka_unit_test(blocks_count_through_slots),
        cmocka_unit_test(no_memory_needs_no_slot),
    };
    return cmocka_run_group_tests_name("section", tests, NULL, NULL);
}
