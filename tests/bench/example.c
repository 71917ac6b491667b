/* Keel's frame allocator on the host, in thirty lines: a gigabyte of frames that nobody touches. docs/benchmarks.md */
#include <stdio.h>
#include <stdlib.h>

#include "mm/mm.h"

int main(void)
{
    static struct memory_region memory = {.range = {{4 * GIB}, {5 * GIB}}, .kind = MEMORY_CONVENTIONAL};
    struct memmap map = {.regions = &memory, .count = 1};
    struct section_table sections;
    struct frames frames;
    struct frame_cache cache; /* one for each thread */

    section_measure(&sections, &map);
    section_build(&sections, &map, malloc(section_table_bytes(&sections)));
    frames_init(&frames, &sections, aligned_alloc(64, frames_metadata_bytes(sections.count)));
    frame_cache_init(&cache, &frames);
    frames_add(&frames, memory.range);

    struct paddr frame = frame_alloc(&cache, 0);
    struct paddr block = frame_alloc(&cache, FRAME_ORDER_BLOCK);
    printf("a frame at %#llx, 2 MiB at %#llx, ", (unsigned long long)frame.value, (unsigned long long)block.value);
    printf("%llu frames free\n", (unsigned long long)frames_free_count(&frames));
    frame_free(&cache, block, FRAME_ORDER_BLOCK);
    frame_free(&cache, frame, 0);
    frame_cache_flush(&cache);
    return frames_audit(&frames) == STATUS_OK && frames_used_count(&frames) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
