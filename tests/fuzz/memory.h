/*
 * A few pages of "physical memory" out of which parsers of firmware tables read.
 *
 * Owns: struct memory. Every mapping is a copy of exactly the bytes that were asked for, so ASan sees one byte more
 * being read. Rules: memory_begin, then reads, then memory_end, which frees the copies.
 */
#ifndef KEEL_TESTS_FUZZ_MEMORY_H
#define KEEL_TESTS_FUZZ_MEMORY_H

#include "drivers/acpi.h"
#include "tests/fuzz/input.h"

#define MEMORY_BASE         0x7F000000ull
#define MEMORY_BYTES        0x8000u
#define MEMORY_MAPPINGS_MAX 1024u

struct memory {
    uint8_t bytes[MEMORY_BYTES];
    void *mappings[MEMORY_MAPPINGS_MAX];
    uint32_t mapping_count;
};

static inline void memory_begin(struct memory *memory)
{
    memset(memory->bytes, 0, sizeof(memory->bytes));
    memory->mapping_count = 0;
}

static inline void memory_end(struct memory *memory)
{
    for (uint32_t i = 0; i < memory->mapping_count; i++)
        free(memory->mappings[i]);
}

/* A struct acpi_reader's: NULL where there is no memory. */
static inline const void *memory_map(void *context, struct paddr address, uint64_t size_bytes)
{
    struct memory *memory = context;
    uint64_t offset = address.value - MEMORY_BASE;
    if (offset > MEMORY_BYTES || size_bytes > MEMORY_BYTES - offset || memory->mapping_count == MEMORY_MAPPINGS_MAX)
        return NULL;
    void *copy = input_copy(memory->bytes + offset, size_bytes);
    memory->mappings[memory->mapping_count++] = copy;
    return copy;
}

static inline uint8_t *memory_at(struct memory *memory, uint64_t address)
{
    CHECK(address >= MEMORY_BASE && address < MEMORY_BASE + MEMORY_BYTES);
    return memory->bytes + (address - MEMORY_BASE);
}

/* Makes the bytes add up to 0 by the one at `checksum`. All of them are in the memory. */
static inline void memory_fix(struct memory *memory, uint64_t address, uint64_t size_bytes, uint64_t checksum)
{
    uint8_t sum = 0;
    *memory_at(memory, checksum) = 0;
    for (uint64_t i = 0; i < size_bytes; i++)
        sum = (uint8_t)(sum + *memory_at(memory, address + i));
    *memory_at(memory, checksum) = (uint8_t)-sum;
}

#endif
