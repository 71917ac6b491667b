/*
 * The life of the memory manager over one map, from mm_begin to mm_reclaim and a little beyond, held at every step
 * against the reference model (model.h). Shared by the fuzzer of mm as a whole and by the mutations of recorded maps.
 *
 * The machine's memory is address space that can be touched only where the model says that mm may: Conventional memory
 * before reclaim, what was reclaimed too after it. It moves to another place when the direct map comes into force.
 *
 * Rules: a broken rule is a failed CHECK. A map that mm refuses must be one without room.
 */
#ifndef KEEL_TESTS_FUZZ_LIFE_H
#define KEEL_TESTS_FUZZ_LIFE_H

#include "mm/mm.h"
#include "tests/fuzz/model.h"

#define LIFE_KEEPS_MAX 8u

struct life_plan {
    const struct efi_memory_descriptor *rows;
    uint32_t row_count;
    uint64_t stride; /* 40 or more */
    struct mm_segment segments[MM_SEGMENTS_MAX];
    uint32_t segment_count;
    struct prange busy[MM_BUSY_MAX];
    uint32_t busy_count;
    struct prange keeps[LIFE_KEEPS_MAX];
    uint32_t keep_count;
    uint64_t dice; /* what is allocated at the end */
    bool gigabyte_pages;
    uint8_t levels;
};

/* False: mm refused the map, for want of Conventional memory. */
bool life_run(const struct life_plan *plan);

/* A segment where the image's sections are linked: `index` chooses a stretch of 16 MiB that is not another's. */
struct mm_segment life_segment(uint32_t index, uint64_t start, uint64_t page_count, bool temporary);

#endif
