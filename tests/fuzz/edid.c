/*
 * graphics_edid_size over any bytes. Holds: nothing outside of them is read; a size that is taken is one that a screen
 * can have, and of an EDID whose bytes add up. The fuzzer's bytes get their checksum mended on every other input, or
 * nothing would pass it.
 */
#include "boot/graphics.h"
#include "tests/fuzz/input.h"

#define EDID_BYTES 128u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct graphics_size size = {0, 0};
    uint8_t *edid = input_copy(bytes, size_bytes);
    if (size_bytes > EDID_BYTES)
        for (size_t i = edid[EDID_BYTES - 1] = 0; i < EDID_BYTES - 1; i++)
            edid[EDID_BYTES - 1] -= edid[i];
    if (graphics_edid_size(edid, size_bytes, &size)) {
        CHECK(size_bytes >= EDID_BYTES);
        CHECK(size.width_pixels >= 640 && size.width_pixels < 4096);
        CHECK(size.height_pixels >= 400 && size.height_pixels < 4096);
    }
    free(edid);
    return 0;
}
