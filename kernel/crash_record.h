/*
 * The record that one boot leaves for the next: a text behind a header, the value of one variable.
 *
 *     0         8        12       14      16           20            24
 *     ├─────────┼────────┼────────┼───────┼────────────┼─────────────┼──────── text_bytes ────
 *     │KEELSAVE │ crc32  │version │ kind  │ text_bytes │ whole_bytes │ text, without an end
 *     └─────────┴────────┴────────┴───────┴────────────┴─────────────┴────────────────────────
 *                         '------------------ crc32 is of this ------------------------------'
 *
 * Owns: nothing. Pure. Rules: what is read back is input: it may be another's, cut off, or a flash's last bits.
 */
#ifndef KEEL_KERNEL_CRASH_RECORD_H
#define KEEL_KERNEL_CRASH_RECORD_H

#include "kernel/base/types.h"

#define CRASH_RECORD_VERSION 1u

enum crash_kind {
    CRASH_PANIC = 1, /* the text of a panic; cut, it lacks its end */
    CRASH_LOG = 2,   /* the log, as `save log` found it; cut, it lacks its beginning */
    CRASH_MAP = 3,   /* of `map save` and `report save`: nobody reads them back here */
    CRASH_REPORT = 4,
    CRASH_KINDS
};

struct crash_record {
    uint8_t magic[8];
    uint32_t crc32; /* IEEE 802.3, as everywhere */
    uint16_t version;
    uint16_t kind;        /* enum crash_kind */
    uint32_t text_bytes;  /* of the text that is here, and */
    uint32_t whole_bytes; /* of the text that there was */
    char text[];
};
_Static_assert(sizeof(struct crash_record) == 24, "the layout above");

/* Makes the header in front of a text that is there already. */
void crash_record_seal(struct crash_record *record, enum crash_kind kind, uint32_t text_bytes, uint32_t whole_bytes);

/* NULL when these bytes (8-byte aligned) are a panic's or a log's record; else what they are, for a message. */
const char *crash_record_mistake(const void *bytes, size_t size_bytes);

#endif
