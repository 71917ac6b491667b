/* Drawing one block: see mark.h. Straight into the frame buffer, which may be uncached: a few hundred stores. */
#include "kernel/base/mark.h"

#define WHITE 0xFFFFFFFFu /* in every pixel format, as black is 0 */

/* A quarter of a block around it is black, so the next one stands apart by half a block. */
#define PARTS         120u /* of the screen's width */
#define BLOCK_LEAST   8u
#define MARGIN_BLOCKS 4u

void mark_draw(uint32_t *pixels, uint32_t width_pixels, uint32_t height_pixels, uint32_t pitch_pixels, enum mark mark)
{
    uint32_t block = (uint32_t)max_u64(width_pixels / PARTS, BLOCK_LEAST);
    uint32_t margin = block / MARGIN_BLOCKS;
    uint32_t pitch_blocks = block + 2 * margin;
    uint32_t left = ((uint32_t)mark - 1) * pitch_blocks;
    uint32_t right = (uint32_t)min_u64(left + pitch_blocks, width_pixels);
    /* Volatile, and written straight: the compiler must not think that nobody reads it. */
    volatile uint32_t *row = pixels;
    for (uint32_t y = 0; y < pitch_blocks && y < height_pixels; y++, row += pitch_pixels)
        for (uint32_t x = left; x < right; x++)
            row[x] = x - left - margin < block && y - margin < block ? WHITE : 0; /* below the margin they wrap */
}
