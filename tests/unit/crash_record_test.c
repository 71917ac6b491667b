/* kernel/crash_record.c: what is sealed is believed, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/crash_record.h"

#define TEXT "123456789abc"
#define TEXT_BYTES (sizeof(TEXT) - 1)

static union {
    struct crash_record record;
    uint8_t bytes[sizeof(struct crash_record) + TEXT_BYTES];
} value;

static int make(void **state)
{
    (void)state;
    memset(&value, 0, sizeof(value));
    memcpy(value.bytes + sizeof(value.record), TEXT, TEXT_BYTES);
    crash_record_seal(&value.record, CRASH_PANIC, TEXT_BYTES, 4000);
    return 0;
}

static void what_is_sealed_is_a_record(void **state)
{
    (void)state;
    assert_null(crash_record_mistake(&value, sizeof(value)));
    assert_int_equal(value.record.kind, CRASH_PANIC);
    assert_int_equal(value.record.text_bytes, TEXT_BYTES);
    assert_int_equal(value.record.whole_bytes, 4000);
    assert_memory_equal(value.record.text, TEXT, TEXT_BYTES);
}

/* As zlib's crc32 has it, over version 1, kind 1, lengths 12 and 4000, and the text: another system can check it. */
static void the_checksum_is_the_common_one(void **state)
{
    (void)state;
    assert_int_equal(value.record.crc32, 0x3FD5A5B3);
}

static void an_empty_text_is_a_record(void **state)
{
    (void)state;
    crash_record_seal(&value.record, CRASH_LOG, 0, 0);
    assert_null(crash_record_mistake(&value, sizeof(value.record)));
}

static void every_bit_counts(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof(value); bit++) {
        value.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_non_null(crash_record_mistake(&value, sizeof(value)));
        value.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void another_length_is_none(void **state)
{
    (void)state;
    for (size_t size_bytes = 0; size_bytes < sizeof(value); size_bytes++)
        assert_non_null(crash_record_mistake(&value, size_bytes));
}

/* Sealed as it should be, and yet nothing that this kernel knows. */
static void what_is_unknown_is_named(void **state)
{
    (void)state;
    crash_record_seal(&value.record, 3, TEXT_BYTES, TEXT_BYTES);
    assert_string_equal(crash_record_mistake(&value, sizeof(value)), "a record of an unknown kind");
    crash_record_seal(&value.record, CRASH_LOG, TEXT_BYTES, TEXT_BYTES - 1);
    assert_string_equal(crash_record_mistake(&value, sizeof(value)), "a record of the wrong length");
    value.record.version++;
    assert_string_equal(crash_record_mistake(&value, sizeof(value)), "a record of another version");
    assert_string_equal(crash_record_mistake("text", 5), "not a record of Keel's");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_sealed_is_a_record, make),
        cmocka_unit_test_setup(the_checksum_is_the_common_one, make),
        cmocka_unit_test_setup(an_empty_text_is_a_record, make),
        cmocka_unit_test_setup(every_bit_counts, make),
        cmocka_unit_test_setup(another_length_is_none, make),
        cmocka_unit_test_setup(what_is_unknown_is_named, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
