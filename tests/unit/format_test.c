/* kernel/base/format.c against the C library's snprintf, and the few places where it means to differ. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "kernel/base/format.h"
#include "kernel/base/types.h"

/* Formats with both and compares text and returned length. */
#define SAME(...)                                                               \
    do {                                                                        \
        char ours[128];                                                         \
        char theirs[128];                                                       \
        size_t our_length = format_buffer(ours, sizeof(ours), __VA_ARGS__);     \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);       \
        assert_string_equal(ours, theirs);                                      \
        assert_int_equal(our_length, their_length);                             \
    } while (0)

static void integers_match_the_library(void **state)
{
    (void)state;
    SAME("%d %d %d", 0, -1, INT32_MIN);
    SAME("%u %u", 0u, UINT32_MAX);
    SAME("%x %x", 0u, 0xDEADBEEFu);
    SAME("%llu %llx", (unsigned long long)UINT64_MAX, (unsigned long long)UINT64_MAX);
    SAME("%lld %lld", (long long)INT64_MIN, (long long)INT64_MAX);
    SAME("%zu", SIZE_MAX);
}

static void widths_and_zeros_match_the_library(void **state)
{
    (void)state;
    SAME("[%5d][%-5d][%05d]", 42, 42, 42);
    SAME("[%5d][%-5d][%05d]", -42, -42, -42);
    SAME("[%2d][%016llx]", 12345, 0xABCull);
    SAME("[%10s][%-10s][%.3s][%5.2s]", "text", "text", "text", "text");
    SAME("[%c][%%]", 'x');
}

static void long_text_is_cut_and_its_length_told(void **state)
{
    (void)state;
    char small[8];
    memset(small, 'Z', sizeof(small));
    assert_int_equal(format_buffer(small, 5, "%s", "0123456789"), 10);
    assert_string_equal(small, "0123");
    assert_int_equal(small[5], 'Z');
}

static void no_capacity_writes_nothing(void **state)
{
    (void)state;
    char untouched = 'Z';
    assert_int_equal(format_buffer(&untouched, 0, "abc"), 3);
    assert_int_equal(untouched, 'Z');
}

/* A mistake in a format must show itself and must not read past the string. */
static void unknown_conversions_print_themselves(void **state)
{
    (void)state;
    char text[32];
    const char *unknown = "a%qb";
    const char *unfinished = "a%5";
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-security"
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    format_buffer(text, sizeof(text), unknown);
    assert_string_equal(text, "a%qb");
    format_buffer(text, sizeof(text), unfinished);
    assert_string_equal(text, "a%");
#pragma clang diagnostic pop
}

static void null_string_is_named(void **state)
{
    (void)state;
    char text[32];
    const char *none = NULL;
    format_buffer(text, sizeof(text), "[%s]", none);
    assert_string_equal(text, "[(null)]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_match_the_library),
        cmocka_unit_test(widths_and_zeros_match_the_library),
        cmocka_unit_test(long_text_is_cut_and_its_length_told),
        cmocka_unit_test(no_capacity_writes_nothing),
        cmocka_unit_test(unknown_conversions_print_themselves),
        cmocka_unit_test(null_string_is_named),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
