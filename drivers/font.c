/* Choosing, unpacking and looking up: see font.h. */
#include "drivers/font.h"

#include "kernel/base/string.h"
#include "kernel/base/unpack.h"

#define HEADER_BYTES 4u
#define GLYPH_OTHER  0u /* '?' */

#define COLUMNS_LEAST 80u
#define ROWS_LEAST    34u /* 1080 lines keep 8x16, 1200 are a panel whose letters would be too small */

const struct font_file font_files[FONT_COUNT] = {
    {"8x16",  font_8x16_start,  font_8x16_end },
    {"16x32", font_16x32_start, font_16x32_end},
    {"32x64", font_32x64_start, font_32x64_end},
};

const struct font_file *font_find(const char *name)
{
    for (size_t i = 0; i < FONT_COUNT; i++)
        if (strcmp(font_files[i].name, name) == 0)
            return &font_files[i];
    return NULL;
}

const struct font_file *font_for(uint32_t width_pixels, uint32_t height_pixels)
{
    const struct font_file *best = &font_files[0];
    for (size_t i = 1; i < FONT_COUNT; i++) {
        const uint8_t *size = font_files[i].start;
        if (width_pixels / size[0] >= COLUMNS_LEAST && height_pixels / size[1] >= ROWS_LEAST)
            best = &font_files[i];
    }
    return best;
}

enum status font_open(struct font *font, const void *file, uint64_t size_bytes)
{
    const uint8_t *bytes = file;
    if (size_bytes < HEADER_BYTES)
        return STATUS_INVALID;
    *font = (struct font){
        .width_pixels = bytes[0],
        .height_pixels = bytes[1],
        .glyph_count = bytes[2] | (uint32_t)bytes[3] << 8,
        .packed = bytes + HEADER_BYTES,
        .packed_bytes = size_bytes - HEADER_BYTES,
    };
    bool sound = font->width_pixels != 0 && font->width_pixels % 8 == 0 && font->height_pixels != 0 &&
                 font->glyph_count > GLYPH_OTHER && font->glyph_count <= UINT8_MAX + 1u;
    return sound ? STATUS_OK : STATUS_INVALID;
}

static uint64_t glyph_bytes(const struct font *font)
{
    return font->width_pixels / 8 * font->height_pixels;
}

uint64_t font_bytes(const struct font *font)
{
    return FONT_SLOTS + font->glyph_count * glyph_bytes(font);
}

enum status font_unpack(struct font *font, void *memory)
{
    enum status status = unpack(font->packed, font->packed_bytes, memory, font_bytes(font));
    if (status != STATUS_OK)
        return status;
    font->slots = memory;
    /* Checked once, so that no lookup can fail afterwards: a panic depends on nothing but this memory. */
    for (uint32_t i = 0; i < FONT_SLOTS; i++)
        if (font->slots[i] >= font->glyph_count)
            return STATUS_INVALID;
    return STATUS_OK;
}

uint8_t font_glyph(const struct font *font, uint32_t code_point)
{
    if (code_point < FONT_LATIN_COUNT)
        return font->slots[code_point];
    if (code_point >= FONT_BOX_FIRST && code_point - FONT_BOX_FIRST < FONT_BOX_COUNT)
        return font->slots[FONT_LATIN_COUNT + (code_point - FONT_BOX_FIRST)];
    return GLYPH_OTHER;
}

const uint8_t *font_rows(const struct font *font, uint8_t glyph)
{
    return font->slots + FONT_SLOTS + glyph * glyph_bytes(font);
}
