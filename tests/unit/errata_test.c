/* kernel/x86/errata.c: a row or two of each kind, on both sides of every border; signatures as CPUID gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/x86/errata.h"

#define INTEL "GenuineIntel"

static void by_model_stepping_and_microcode(void **state)
{
    (void)state;
    static const struct {
        uint32_t signature;
        uint32_t microcode;
        uint32_t errata;
    } rows[] = {
        {0x506E3, 0xB1, ERRATUM_TSC_DEADLINE},    /* Skylake, one revision too old */
        {0x506E3, 0xB2, 0},
        {0x506E3, 0, ERRATUM_TSC_DEADLINE},       /* unknown */
        {0x406E3, 0x4A, ERRATUM_TSC_DEADLINE},
        {0x306F2, 0x39, ERRATUM_TSC_DEADLINE},    /* Haswell servers, each stepping by its own */
        {0x306F2, 0x3A, 0},
        {0x306F4, 0x0E, ERRATUM_TSC_DEADLINE},
        {0x306F4, 0x0F, 0},
        {0x306F1, 0x01, 0},                       /* a stepping that is not listed */
        {0x50654, 0x02000013, ERRATUM_TSC_DEADLINE},
        {0x50657, 0x05000001, 0},                 /* Cascade Lake: the model of Skylake's servers, a later stepping */
        {0x806EA, 0x51, ERRATUM_TSC_DEADLINE},
        {0x906E9, 0x52, 0},
        {0x506C9, 0x01, 0},                       /* Goldmont, whose MONITOR erratum is none of ours */
        {0x106E5, 0x01, 0},                       /* a model that is not listed */
        {0x00F41, 0x01, 0},                       /* another family */
        {0x506E3 | 1 << 20 | 9 << 8, 0, 0},       /* likewise, with Skylake's model */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_int_equal(errata_find(INTEL, rows[i].signature, rows[i].microcode), rows[i].errata);
}

static void other_vendors_number_their_own(void **state)
{
    (void)state;
    assert_int_equal(errata_find("AuthenticAMD", 0x506E3, 0), 0);
    assert_int_equal(errata_find("", 0x506E3, 0), 0);
}

static void each_has_a_text(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ERRATA_COUNT; i++)
        assert_non_null(errata_texts[i]);
    assert_int_equal(ERRATUM_TSC_DEADLINE, 1u << (ERRATA_COUNT - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_model_stepping_and_microcode),
        cmocka_unit_test(other_vendors_number_their_own),
        cmocka_unit_test(each_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
