/* Which 128 MiB sections hold memory of ours, numbered without gaps. See section.h. */
#include "mm/section.h"

/* Walks the sections of the map that need a slot, rising, each once. */
struct section_walk {
    const struct memmap *map;
    uint32_t region;
    uint64_t next; /* no section below this one is left */
};

static bool next_section(struct section_walk *walk, uint64_t *section)
{
    for (; walk->region < walk->map->count; walk->region++) {
        const struct memory_region *region = &walk->map->regions[walk->region];
        if (!memory_kind_ours((enum memory_kind)region->kind) || memory_region_low(region))
            continue;
        *section = max_u64(walk->next, region->range.start.value >> SECTION_SHIFT);
        if (*section << SECTION_SHIFT < region->range.end.value) {
            walk->next = *section + 1;
            return true;
        }
    }
    return false;
}

/* The sections up to the highest memory of ours, and how many of them need a slot. */
static void measure(struct section_table *table, const struct memmap *map)
{
    struct section_walk walk = {.map = map};
    uint64_t section;
    table->count = 0;
    table->limit = 0;
    while (next_section(&walk, &section)) {
        CHECK(section < SECTION_NONE);
        table->count++;
        table->limit = (uint32_t)section + 1;
    }
}

uint32_t section_count(const struct memmap *map)
{
    struct section_table table;
    measure(&table, map);
    return table.count;
}

uint64_t section_table_bytes(const struct memmap *map)
{
    struct section_table table;
    measure(&table, map);
    return sizeof(uint32_t) * ((uint64_t)table.limit + table.count);
}

void section_build(struct section_table *table, const struct memmap *map, void *memory)
{
    measure(table, map);
    table->slot_of = memory;
    table->section_of = table->slot_of + table->limit;
    for (uint32_t i = 0; i < table->limit; i++)
        table->slot_of[i] = SECTION_NONE;

    struct section_walk walk = {.map = map};
    uint64_t section;
    for (uint32_t slot = 0; next_section(&walk, &section); slot++) {
        table->slot_of[section] = slot;
        table->section_of[slot] = (uint32_t)section;
    }
}
