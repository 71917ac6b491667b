/* Names of functions: the table of kernel/symbols.h, written by hand as image/symbols.py writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/symbols.h"

#define RVA(value) (value) & 0xFF, (value) >> 8 & 0xFF, (value) >> 16 & 0xFF, (value) >> 24

/* paging_map at 0x1000, paging_unmap at 0x1080, x at 0x20000: each name as what differs from the one before. */
static const uint8_t table[] = {
    RVA(3), RVA(0x1000), RVA(0x1080), RVA(0x20000), 0, 'p', 'a', 'g', 'i', 'n', 'g', '_', 'm', 'a', 'p', 0,
    7, 'u', 'n', 'm', 'a', 'p', 0, 0, 'x', 0};

static void assert_found(uint32_t rva, const char *name, uint32_t offset)
{
    struct symbol symbol;
    assert_true(symbols_find(table, rva, &symbol));
    assert_string_equal(symbol.name, name);
    assert_int_equal(symbol.offset, offset);
}

/* A place belongs to the last function that starts at or before it. */
static void test_find(void **state)
{
    (void)state;
    assert_found(0x1000, "paging_map", 0);
    assert_found(0x107F, "paging_map", 0x7F);
    assert_found(0x1080, "paging_unmap", 0);
    assert_found(0x1FFFF, "paging_unmap", 0x1EF7F);
    assert_found(0x20000, "x", 0);
    assert_found(0xFFFFFFFF, "x", 0xFFFDFFFF);
}

static void test_before_first(void **state)
{
    (void)state;
    struct symbol symbol;
    assert_false(symbols_find(table, 0xFFF, &symbol));
}

/* The first link of the kernel has a table of no functions. */
static void test_empty(void **state)
{
    (void)state;
    static const uint8_t empty[] = {RVA(0)};
    struct symbol symbol;
    assert_false(symbols_find(empty, 0x1000, &symbol));
}

/* A name longer than the caller's room is cut, and the next one is read from its right place. */
static void test_long_name(void **state)
{
    (void)state;
    uint8_t *long_table = calloc(1, 12 + 2 + 200 + 3);
    const uint8_t head[] = {RVA(2), RVA(0x10), RVA(0x20), 0};
    memcpy(long_table, head, sizeof(head));
    memset(long_table + sizeof(head), 'a', 200);
    memcpy(long_table + sizeof(head) + 201, "\001b", 3);
    struct symbol symbol;
    assert_true(symbols_find(long_table, 0x10, &symbol));
    assert_int_equal(strlen(symbol.name), SYMBOL_NAME_BYTES - 1);
    assert_true(symbols_find(long_table, 0x20, &symbol));
    assert_string_equal(symbol.name, "ab");
    free(long_table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_before_first),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
