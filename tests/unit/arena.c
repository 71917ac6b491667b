/* Physical memory for tests; see arena.h. Metadata starts full of 0xA5, as firmware would leave it. */
#include "tests/unit/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/base/check.h"
#include "tests/unit/port_fake.h"

static void build_sections(struct section_table *table, const struct prange *ranges, unsigned range_count)
{
    table->limit = (uint32_t)((ranges[range_count - 1].end.value + SECTION_BYTES - 1) >> SECTION_SHIFT);
    table->slot_of = malloc(table->limit * sizeof(uint32_t));
    table->section_of = malloc(table->limit * sizeof(uint32_t));
    table->count = 0;
    memset(table->slot_of, 0xFF, table->limit * sizeof(uint32_t));
    for (unsigned i = 0; i < range_count; i++) {
        for (uint64_t s = ranges[i].start.value >> SECTION_SHIFT; s << SECTION_SHIFT < ranges[i].end.value; s++) {
            if (table->slot_of[s] != SECTION_NONE)
                continue;
            table->slot_of[s] = table->count;
            table->section_of[table->count++] = (uint32_t)s;
        }
    }
}

void arena_create(struct arena *arena, const struct prange *ranges, unsigned range_count, bool backed)
{
    memset(arena, 0, sizeof(*arena));
    arena->tables_max = UINT64_MAX;
    build_sections(&arena->sections, ranges, range_count);
    if (backed) {
        arena->bytes = ranges[range_count - 1].end.value;
        void *memory = mmap(NULL, arena->bytes + SECTION_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(memory != MAP_FAILED);
        arena->window = (uint64_t)(uintptr_t)memory;
    }
    uint64_t metadata_bytes = frames_metadata_bytes(arena->sections.count);
    arena->metadata = aligned_alloc(64, metadata_bytes);
    memset(arena->metadata, 0xA5, metadata_bytes);
    frames_init(&arena->frames, &arena->sections, arena->metadata);
    frame_cache_init(&arena->cache, &arena->frames);
    for (unsigned i = 0; i < range_count; i++)
        frames_add(&arena->frames, ranges[i]);
}

void arena_destroy(struct arena *arena)
{
    if (arena->window != 0)
        munmap((void *)(uintptr_t)arena->window, arena->bytes + SECTION_BYTES);
    free(arena->metadata);
    free(arena->sections.slot_of);
    free(arena->sections.section_of);
}

static struct paddr table_alloc(void *context)
{
    struct arena *arena = context;
    if (arena->tables >= arena->tables_max)
        return PADDR(0);
    struct paddr table = frames_take(&arena->frames, 0, FRAMES_NO_LIMIT);
    if (table.value == 0)
        return table;
    arena->tables++;
    memset((void *)(uintptr_t)(table.value + arena->window), 0xA5, PAGE_SIZE);
    return table;
}

static void table_free(void *context, struct paddr table)
{
    struct arena *arena = context;
    CHECK(port_fake.map == NULL || port_fake_stale() == 0);
    CHECK(arena->tables > 0);
    arena->tables--;
    frames_give(&arena->frames, table, 0);
}

struct table_source arena_table_source(struct arena *arena)
{
    return (struct table_source){.alloc = table_alloc, .free = table_free, .context = arena};
}
