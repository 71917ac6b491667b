/*
 * Taking a fuzzer's bytes apart: numbers from the front, zeros when there are no more.
 *
 * Owns: struct input, and the short form of a memory descriptor, in which 8 bytes say what 40 would, so that a mutation
 * of one byte stays a map. Used by the targets of tests/fuzz only; what a target finds wrong is a failed CHECK.
 */
#ifndef KEEL_TESTS_FUZZ_INPUT_H
#define KEEL_TESTS_FUZZ_INPUT_H

#include <stdlib.h>
#include <string.h>

#include "kernel/base/check.h"
#include "kernel/base/efi.h"
#include "kernel/base/types.h"

/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

struct input {
    const uint8_t *next;
    size_t left_bytes;
};

/* A little-endian number of up to 8 bytes. */
static inline uint64_t input_number(struct input *input, unsigned size_bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes && input->left_bytes != 0; i++, input->left_bytes--)
        value |= (uint64_t)*input->next++ << (8 * i);
    return value;
}

/* A copy of exactly that size on the heap, where ASan sees one byte more being read. Never NULL. */
static inline void *input_copy(const void *bytes, size_t size_bytes)
{
    void *copy = malloc(size_bytes + (size_bytes == 0));
    CHECK(copy != NULL);
    if (size_bytes != 0)
        memcpy(copy, bytes, size_bytes);
    return copy;
}

#define INPUT_ROW_BYTES 8u

/* In the second byte of a short row. */
#define INPUT_ROW_NOT_WB    0x01u
#define INPUT_ROW_RUNTIME   0x02u
#define INPUT_ROW_SP        0x04u
#define INPUT_ROW_RO        0x08u
#define INPUT_ROW_XP        0x10u
#define INPUT_ROW_UNALIGNED 0x20u

/* A short row: type, flags, start and length in pages of 24 bits each. Types from 16 on are the OEM's. */
static inline struct efi_memory_descriptor input_row(struct input *input)
{
    struct efi_memory_descriptor row = {0};
    row.type = (uint32_t)input_number(input, 1);
    uint64_t flags = input_number(input, 1);
    row.physical_start = input_number(input, 3) * PAGE_SIZE;
    row.number_of_pages = input_number(input, 3);
    row.type |= row.type >= 16 ? 0x70000000 : 0;
    row.attribute = (flags & INPUT_ROW_NOT_WB) != 0 ? EFI_MEMORY_UC : 0xF;
    row.attribute |= (flags & INPUT_ROW_RUNTIME) != 0 ? EFI_MEMORY_RUNTIME : 0;
    row.attribute |= (flags & INPUT_ROW_SP) != 0 ? EFI_MEMORY_SP : 0;
    row.attribute |= (flags & INPUT_ROW_RO) != 0 ? EFI_MEMORY_RO : 0;
    row.attribute |= (flags & INPUT_ROW_XP) != 0 ? EFI_MEMORY_XP : 0;
    row.physical_start += (flags & INPUT_ROW_UNALIGNED) != 0 ? 0x800 : 0;
    return row;
}

#endif
