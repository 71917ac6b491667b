/* Keel's frame allocator as a subject of the bench. */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/subject.h"

static struct memory_region region;
static struct memmap map;
static struct section_table sections;
static struct frames frames;
static struct frame_cache cache;
static void *tables, *metadata;

static uint64_t keel_reserve(uint64_t memory_bytes)
{
    region = (struct memory_region){.range = PRANGE(SUBJECT_BASE, SUBJECT_BASE + memory_bytes)};
    map = (struct memmap){.regions = &region, .count = 1};
    section_measure(&sections, &map);
    tables = malloc(section_table_bytes(&sections));
    section_build(&sections, &map, tables);
    uint64_t size_bytes = frames_metadata_bytes(sections.count);
    metadata = aligned_alloc(64, size_bytes);
    memset(metadata, 0xA5, size_bytes);
    return size_bytes;
}

static void keel_start(void)
{
    frames_init(&frames, &sections, metadata);
    frame_cache_init(&cache, &frames);
    frames_add(&frames, region.range);
}

static void keel_destroy(void)
{
    if (frames_audit(&frames) != STATUS_OK)
        abort();
    free(metadata);
    free(tables);
}

const struct subject subject_keel = {
    "keel", keel_reserve, keel_start, keel_destroy, &cache,
    frame_alloc_single, frame_alloc_run, frame_free_single, frame_free_run,
};
