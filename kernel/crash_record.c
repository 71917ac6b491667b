/* Making and checking records: see crash_record.h. */
#include "kernel/crash_record.h"

#include "kernel/base/string.h"

static const uint8_t magic[8] = "KEELSAVE";

/* A bit at a time: a record is some kilobytes, once a boot. */
static uint32_t crc32(const uint8_t *bytes, size_t size_bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1) * 0xEDB88320;
    }
    return ~crc;
}

/* Of all that lies behind the checksum. */
static uint32_t record_crc32(const struct crash_record *record)
{
    size_t before = offsetof(struct crash_record, version);
    return crc32((const uint8_t *)record + before, sizeof(*record) - before + record->text_bytes);
}

void crash_record_seal(struct crash_record *record, enum crash_kind kind, uint32_t text_bytes, uint32_t whole_bytes)
{
    memcpy(record->magic, magic, sizeof(magic));
    record->version = CRASH_RECORD_VERSION;
    record->kind = (uint16_t)kind;
    record->text_bytes = text_bytes;
    record->whole_bytes = whole_bytes;
    record->crc32 = record_crc32(record);
}

const char *crash_record_mistake(const void *bytes, size_t size_bytes)
{
    const struct crash_record *record = bytes;
    if (size_bytes < sizeof(*record) || memcmp(record->magic, magic, sizeof(magic)) != 0)
        return "not a record of Keel's";
    if (record->version != CRASH_RECORD_VERSION)
        return "a record of another version";
    if (record->text_bytes != size_bytes - sizeof(*record) || record->text_bytes > record->whole_bytes)
        return "a record of the wrong length";
    if (record->crc32 != record_crc32(record))
        return "a damaged record, its checksum is wrong";
    return record->kind == CRASH_PANIC || record->kind == CRASH_LOG ? NULL : "a record of an unknown kind";
}
