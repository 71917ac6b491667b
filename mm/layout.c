/* Choosing where the kernel lives: see the drawing in layout.h. */
#include "mm/layout.h"

#include "kernel/base/check.h"

_Static_assert(DIRECT_MAP_WINDOW + DIRECT_MAP_BYTES <= VSPACE_WINDOW, "the largest direct map fits");
_Static_assert(VSPACE_WINDOW + VSPACE_BYTES <= VSPACE_WINDOW_END && VSPACE_WINDOW_END <= IMAGE_WINDOW, "disjoint");

/* One of the places of `bytes` in [start, end), each a multiple of `step` from the start. They fit at least once. */
static uint64_t place(struct entropy *entropy, uint64_t start, uint64_t end, uint64_t bytes, uint64_t step)
{
    CHECK(bytes <= end - start);
    return start + entropy_below(entropy, (end - start - bytes) / step + 1) * step;
}

struct layout layout_choose(struct entropy *entropy, uint64_t image_bytes, uint64_t ram_end)
{
    uint64_t ram_bytes = min_u64(ram_end, DIRECT_MAP_BYTES);
    return (struct layout){
        .image = place(entropy, IMAGE_WINDOW, IMAGE_WINDOW_END, image_bytes, PAGE_SIZE),
        .direct_map = place(entropy, DIRECT_MAP_WINDOW, VSPACE_WINDOW, ram_bytes, GIB),
        .vspace = place(entropy, VSPACE_WINDOW, VSPACE_WINDOW_END, VSPACE_BYTES, 2 * MIB),
    };
}
