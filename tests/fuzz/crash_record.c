/*
 * crash_record_mistake over any bytes. Holds: it reads nothing beyond them, and what it takes for a record is one that
 * crash_record_seal would make, to the bit.
 *
 * Input: a byte that says whether the checksum is mended first (odd), so that the fuzzer gets behind it; then the value
 * of a variable.
 */
#include "kernel/crash_record.h"
#include "tests/fuzz/input.h"

static void mend(struct crash_record *record, size_t size_bytes)
{
    uint32_t text_bytes = (uint32_t)(size_bytes - sizeof(*record));
    enum crash_kind kind = (enum crash_kind)record->kind;
    crash_record_seal(record, kind, text_bytes, record->whole_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    size_t length = size_bytes - 1;
    struct crash_record *record = input_copy(bytes + 1, length);
    if (bytes[0] % 2 != 0 && length >= sizeof(*record))
        mend(record, length);
    if (crash_record_mistake(record, length) == NULL) {
        struct crash_record *again = input_copy(record, length);
        CHECK(length == sizeof(*record) + record->text_bytes && record->text_bytes <= record->whole_bytes);
        CHECK(record->kind == CRASH_PANIC || record->kind == CRASH_LOG);
        mend(again, length);
        CHECK(memcmp(again, record, length) == 0);
        free(again);
    }
    free(record);
    return 0;
}
