/*
 * Which 128 MiB sections hold memory of ours, numbered without gaps. See section.h.
 *
 * In two passes over the map, because the tables' memory must be asked for before they can be filled: the first only
 * counts, the second, with the same loop, writes. 128 MiB, because a section is then 64 blocks: one bit each in a word.
 */
#include "mm/section.h"

#include "kernel/base/string.h"

/* Gives slots to the sections of the map with memory of ours, rising, each once. The tables are filled if there are. */
static void number_sections(struct section_table *table, const struct memmap *map)
{
    table->count = 0;
    table->limit = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->regions[i];
        if (!memory_kind_ours((enum memory_kind)region->kind) || memory_region_low(region))
            continue;
        /* Regions rise, so a section that two of them share was the last one counted: begin behind it. */
        uint64_t section = max_u64(table->limit, region->range.start.value >> SECTION_SHIFT);
        for (; section << SECTION_SHIFT < region->range.end.value; section++) {
            CHECK(section < SECTION_NONE);
            if (table->slot_of != NULL) {
                table->slot_of[section] = table->count;
                table->section_of[table->count] = (uint32_t)section;
            }
            table->count++;
            table->limit = (uint32_t)section + 1;
        }
    }
}

void section_measure(struct section_table *table, const struct memmap *map)
{
    *table = (struct section_table){0};
    number_sections(table, map);
}

void section_build(struct section_table *table, const struct memmap *map, void *memory)
{
    table->slot_of = memory;
    table->section_of = table->slot_of + table->limit;
    memset(memory, 0xFF, section_table_bytes(table)); /* SECTION_NONE */
    number_sections(table, map);
}
