/*
 * Reading PSF1: a 4-byte header, the glyphs, then for each glyph a list of 16-bit code points. 0xFFFE in a list
 * starts sequences of combining characters, which are skipped; 0xFFFF ends it.
 *
 *     0     36 04 | mode | height         mode bit 0: 512 glyphs, not 256; bits 1, 2: a table follows
 *     4     glyph 0: `height` bytes, one a row, the top bit leftmost; glyph 1; ...
 *     end   code point, code point, ..., 0xFFFF;  for glyph 1: ..., 0xFFFF;  ...
 *
 * The table leads from glyph to code points; text needs the other way round, so it is turned into slots once, at the
 * start: a lookup is then one index, which is all that a panic should depend on. Glyphs are not copied: they stay in
 * the file.
 */
#include "drivers/font.h"

#define PSF1_MAGIC_0        0x36u
#define PSF1_MAGIC_1        0x04u
#define PSF1_MODE_512       0x01u /* 512 glyphs rather than 256 */
#define PSF1_MODE_TABLE     0x06u /* either bit: a Unicode table follows (with sequences or without) */
#define PSF1_HEADER_BYTES   4u
#define PSF1_SEQUENCE_START 0xFFFEu
#define PSF1_LIST_END       0xFFFFu
#define PSF1_WIDTH          8u

#define GLYPH_UNKNOWN 0xFFFFu

static uint32_t font_slot(uint32_t code_point)
{
    if (code_point < FONT_LATIN_COUNT)
        return code_point;
    if (code_point >= FONT_BOX_FIRST && code_point - FONT_BOX_FIRST < FONT_BOX_COUNT)
        return FONT_LATIN_COUNT + (code_point - FONT_BOX_FIRST);
    return FONT_SLOT_OTHER;
}

static void font_read_table(struct font *font, const uint8_t *table, uint64_t size_bytes)
{
    uint16_t glyph = 0;
    bool in_sequence = false;
    /* A table that is cut off ends early: what has no glyph by then shows as '?'. */
    for (uint64_t i = 0; i + 1 < size_bytes && glyph < font->glyph_count; i += 2) {
        uint32_t code_point = table[i] | (uint32_t)table[i + 1] << 8;
        uint16_t *slot = &font->slots[font_slot(code_point)];
        if (code_point == PSF1_LIST_END) {
            glyph++;
            in_sequence = false;
        } else if (code_point == PSF1_SEQUENCE_START) {
            in_sequence = true;
        /* The first glyph for a code point wins. FONT_SLOT_OTHER collects the rest and is overwritten below. */
        } else if (!in_sequence && *slot == GLYPH_UNKNOWN) {
            *slot = glyph;
        }
    }
}

enum status font_parse(struct font *font, const void *psf, uint64_t size_bytes)
{
    const uint8_t *bytes = psf;
    if (size_bytes < PSF1_HEADER_BYTES || bytes[0] != PSF1_MAGIC_0 || bytes[1] != PSF1_MAGIC_1)
        return STATUS_INVALID;
    uint32_t height = bytes[3];
    uint32_t count = (bytes[2] & PSF1_MODE_512) != 0 ? 512 : 256;
    uint64_t glyphs_end = PSF1_HEADER_BYTES + (uint64_t)count * height;
    if (height == 0 || (bytes[2] & PSF1_MODE_TABLE) == 0 || glyphs_end > size_bytes)
        return STATUS_INVALID;

    font->glyphs = bytes + PSF1_HEADER_BYTES;
    font->glyph_count = count;
    font->width_pixels = PSF1_WIDTH;
    font->height_pixels = height;
    __builtin_memset(font->slots, 0xFF, sizeof(font->slots)); /* GLYPH_UNKNOWN */
    font_read_table(font, bytes + glyphs_end, size_bytes - glyphs_end);

    /* Filled in once, so that no lookup can fail afterwards. */
    uint16_t fallback = font->slots['?'];
    font->slots[FONT_SLOT_OTHER] = fallback;
    for (uint32_t i = 0; i < FONT_SLOT_OTHER; i++) {
        if (font->slots[i] == GLYPH_UNKNOWN)
            font->slots[i] = fallback;
    }
    return fallback != GLYPH_UNKNOWN ? STATUS_OK : STATUS_INVALID;
}

uint16_t font_glyph(const struct font *font, uint32_t code_point)
{
    return font->slots[font_slot(code_point)];
}

const uint8_t *font_rows(const struct font *font, uint16_t glyph)
{
    return font->glyphs + (uint64_t)glyph * font->height_pixels;
}
