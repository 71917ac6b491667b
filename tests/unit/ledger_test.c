/* mm/ledger.c: the equation, each way to break it, and the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/ledger.h"

static struct ledger balanced(void)
{
    struct ledger ledger = {.total = 100, .free = 50, .used = 20, .firmware = 15, .low = 10, .awaiting = 5};
    ledger_balance(&ledger);
    return ledger;
}

static void each_term_counts(void **state)
{
    (void)state;
    struct ledger ledger = balanced();
    assert_int_equal(ledger.unaccounted, 0);
    assert_int_equal(ledger_check(&ledger), STATUS_OK);
    uint64_t *terms[] = {&ledger.total, &ledger.free, &ledger.used, &ledger.firmware, &ledger.low, &ledger.awaiting};
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
        (*terms[i])++;
        assert_int_equal(ledger_check(&ledger), STATUS_INVALID); /* a stale difference is no balance */
        ledger_balance(&ledger);
        assert_int_equal(ledger.unaccounted, i == 0 ? 1 : -1);
        assert_int_equal(ledger_check(&ledger), STATUS_INVALID);
        (*terms[i])--;
        ledger_balance(&ledger);
    }
    ledger.reclaimed = 71; /* more than there is to have come from it */
    assert_int_equal(ledger_check(&ledger), STATUS_INVALID);
}

static void the_fixed_line_is_last_and_alone_when_nothing_is_odd(void **state)
{
    (void)state;
    char line[LEDGER_LINE_BYTES];
    struct ledger ledger = balanced();
    ledger.awaiting = 0;
    ledger.total = 95;
    ledger.reclaimed = 7;
    assert_true(ledger_line(&ledger, 0, line, sizeof(line)));
    assert_string_equal(line, "ledger: total=95 free=50 used=20 firmware=15 low=10 reclaimed=7 unaccounted=0");
    assert_false(ledger_line(&ledger, 1, line, sizeof(line)));
    ledger.total = 90;
    ledger_balance(&ledger);
    assert_true(ledger_line(&ledger, 0, line, sizeof(line)));
    assert_non_null(strstr(line, " unaccounted=-5"));
}

static void oddities_stand_above_the_line(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "listed: reserved=3",
        "listed: mmio=1000000",
        "mended: 2 zero-length, dropped",
        "mended: 1 runtime services without the RUNTIME attribute",
        "awaiting: 5 of firmware are boot services, loader and .boot memory, not given back",
        "ledger: total=100 free=50 used=20 firmware=20 low=10 reclaimed=0 unaccounted=0",
    };
    struct ledger ledger = balanced();
    ledger.listed[MEMORY_RESERVED] = 3;
    ledger.listed[MEMORY_MMIO] = 1000000;
    ledger.mended.zero_length = 2;
    ledger.mended.runtime_missing = 1;
    char line[LEDGER_LINE_BYTES];
    unsigned count = 0;
    for (; ledger_line(&ledger, count, line, sizeof(line)); count++) {
        assert_true(count < 6);
        assert_string_equal(line, expected[count]);
    }
    assert_int_equal(count, 6);
}

/* A counter that is added to struct memmap_mended and forgotten in the text would go unseen. */
static void every_mending_has_a_line(void **state)
{
    (void)state;
    struct ledger ledger = balanced();
    uint32_t counters[sizeof(ledger.mended) / sizeof(uint32_t)];
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        counters[i] = UINT32_MAX;
    memcpy(&ledger.mended, counters, sizeof(ledger.mended));
    char line[LEDGER_LINE_BYTES];
    unsigned mended = 0;
    for (unsigned i = 0; ledger_line(&ledger, i, line, sizeof(line)); i++)
        mended += strncmp(line, "mended: 4294967295 ", 19) == 0;
    assert_int_equal(mended, sizeof(counters) / sizeof(counters[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_term_counts),
        cmocka_unit_test(the_fixed_line_is_last_and_alone_when_nothing_is_odd),
        cmocka_unit_test(oddities_stand_above_the_line),
        cmocka_unit_test(every_mending_has_a_line),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
