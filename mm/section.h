/*
 * Sections: 128 MiB of physical addresses each; those that hold memory of ours have a slot.
 *
 *     physical section   0    1    2    3 ............ 8192 8193
 *     memory             RAM  RAM  -    - (hole) ..... RAM  RAM
 *     slot               0    1    none none           2    3      dense, rising
 *     block            0..63 64..127                128..191       2 MiB each: slot * 64 + block within the section
 *
 * Owns: the two tables between section and slot. Frame bits and the page array are indexed by slot, so holes cost them
 * nothing; the sparse table itself costs 4 bytes a section up to the highest memory.
 * Rules: read-only once built. Slots and blocks are numbers of this file; convert only with the functions below.
 */
#ifndef KEEL_MM_SECTION_H
#define KEEL_MM_SECTION_H

#include "kernel/base/check.h"
#include "kernel/base/types.h"
#include "mm/memmap.h"

#define SECTION_SHIFT  27u
#define SECTION_BYTES  ((uint64_t)1 << SECTION_SHIFT)
#define SECTION_BLOCKS 64u /* of 2 MiB */
#define BLOCK_SHIFT    21u
#define BLOCK_BYTES    ((uint64_t)1 << BLOCK_SHIFT)
#define BLOCK_FRAMES   512u
#define SECTION_NONE   UINT32_MAX

struct section_table {
    uint32_t *slot_of;    /* by section number: slot, or SECTION_NONE */
    uint32_t *section_of; /* by slot: section number */
    uint32_t limit;       /* sections up to the highest memory of ours: length of slot_of */
    uint32_t count;       /* slots in use: length of section_of */
};

/* First: `count` and `limit`, what the tables will hold. */
void section_measure(struct section_table *table, const struct memmap *map);

/* The bytes of memory that section_build needs. */
static inline uint64_t section_table_bytes(const struct section_table *table)
{
    return sizeof(uint32_t) * ((uint64_t)table->limit + table->count);
}

/* Then the tables, of the same map. `memory`: section_table_bytes long, 8-byte aligned; it becomes the table's. */
void section_build(struct section_table *table, const struct memmap *map, void *memory);

/* The slot of the section that holds `address`, or SECTION_NONE. */
static inline uint32_t section_slot(const struct section_table *table, struct paddr address)
{
    uint64_t section = address.value >> SECTION_SHIFT;
    return section < table->limit ? table->slot_of[section] : SECTION_NONE;
}

/* The section's first address. */
static inline struct paddr section_base(const struct section_table *table, uint32_t slot)
{
    CHECK(slot < table->count);
    return PADDR((uint64_t)table->section_of[slot] << SECTION_SHIFT);
}

/* The dense number of the 2 MiB block that holds `address`, whose section has a slot. */
static inline uint32_t section_block(const struct section_table *table, struct paddr address)
{
    uint32_t slot = section_slot(table, address);
    CHECK(slot != SECTION_NONE);
    return slot * SECTION_BLOCKS + (uint32_t)((address.value >> BLOCK_SHIFT) & (SECTION_BLOCKS - 1));
}

static inline struct paddr section_block_base(const struct section_table *table, uint32_t block)
{
    return paddr_add(section_base(table, block / SECTION_BLOCKS), (uint64_t)(block % SECTION_BLOCKS) << BLOCK_SHIFT);
}

#endif
