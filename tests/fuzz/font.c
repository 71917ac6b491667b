/*
 * font_open and font_unpack over any bytes. Holds: nothing outside of the two buffers is touched, and with a font that
 * is taken every code point leads to rows that are inside of it.
 */
#include "drivers/font.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static const uint32_t code_points[] = {0, '?', 'A', 0xFF, 0x100, 0x24FF, 0x2500, 0x25FF, 0x2600, UINT32_MAX};
    uint8_t *exact = input_copy(bytes, size_bytes);
    struct font font;
    if (font_open(&font, exact, size_bytes) == STATUS_OK) {
        uint64_t memory_bytes = font_bytes(&font);
        uint8_t *memory = malloc(memory_bytes);
        CHECK(memory != NULL);
        bool taken = font_unpack(&font, memory) == STATUS_OK;
        for (size_t i = 0; taken && i < ARRAY_COUNT(code_points); i++) {
            const uint8_t *rows = font_rows(&font, font_glyph(&font, code_points[i]));
            CHECK(rows >= memory && rows + font.width_pixels / 8 * font.height_pixels <= memory + memory_bytes);
        }
        free(memory);
    }
    free(exact);
    return 0;
}
