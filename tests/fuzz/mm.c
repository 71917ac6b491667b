/*
 * The memory manager as a whole over a map of at most 64 GiB, from mm_begin to mm_reclaim and a few allocations.
 * Holds: life.h.
 *
 * Input: shape (1 byte), segments, busy ranges and keeps (1 each), stride (1), dice (3); eight bytes for each range;
 * then short rows (input.h). A row of 256 MiB at 1 GiB stands in front, or most maps would have no room, unless shape
 * says no.
 */
#include "tests/fuzz/input.h"
#include "tests/fuzz/life.h"

#define ROWS_MAX       512u
#define SEGMENTS_MAX   4u
#define RANGE_PAGES    0x7FFu
#define SHAPE_LEVELS   0x1u
#define SHAPE_GIGABYTE 0x2u
#define SHAPE_NO_ROOM  0x4u

/* Start in pages (3 bytes) and bytes (2), length in pages (2), and a byte for whatever the caller likes. */
static struct prange take_range(struct input *input, uint64_t *more)
{
    uint64_t start = input_number(input, 3) * PAGE_SIZE + input_number(input, 2) % PAGE_SIZE;
    uint64_t pages = (input_number(input, 2) & RANGE_PAGES) + 1;
    *more = input_number(input, 1);
    return PRANGE(start, start + pages * PAGE_SIZE - start % 7);
}

static void take_ranges(struct input *input, struct life_plan *plan)
{
    uint64_t more;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        struct prange range = prange_page_outward(take_range(input, &more));
        plan->segments[i] = life_segment(i, range.start.value, prange_pages(range), more % 2 != 0);
    }
    for (uint32_t i = 0; i < plan->busy_count; i++)
        plan->busy[i] = take_range(input, &more);
    for (uint32_t i = 0; i < plan->keep_count; i++)
        plan->keeps[i] = take_range(input, &more);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static struct efi_memory_descriptor rows[ROWS_MAX];
    static struct life_plan plan;
    struct input input = {bytes, size_bytes};
    memset(&plan, 0, sizeof(plan));
    uint64_t shape = input_number(&input, 1);
    plan.levels = (shape & SHAPE_LEVELS) != 0 ? 5 : 4;
    plan.gigabyte_pages = (shape & SHAPE_GIGABYTE) != 0;
    plan.segment_count = (uint32_t)input_number(&input, 1) % (SEGMENTS_MAX + 1);
    plan.busy_count = (uint32_t)input_number(&input, 1) % (MM_BUSY_MAX + 1);
    plan.keep_count = (uint32_t)input_number(&input, 1) % (LIFE_KEEPS_MAX + 1);
    plan.stride = sizeof(rows[0]) + input_number(&input, 1) % 32;
    plan.dice = input_number(&input, 3);
    take_ranges(&input, &plan);
    if ((shape & SHAPE_NO_ROOM) == 0)
        rows[plan.row_count++] = (struct efi_memory_descriptor){
            .type = EFI_CONVENTIONAL_MEMORY, .physical_start = GIB, .number_of_pages = 65536, .attribute = 0xF};
    while (input.left_bytes >= INPUT_ROW_BYTES && plan.row_count < ROWS_MAX)
        rows[plan.row_count++] = input_row(&input);
    plan.rows = rows;
    if (plan.row_count != 0)
        (void)life_run(&plan);
    return 0;
}
