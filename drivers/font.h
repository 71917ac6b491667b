/*
 * A bitmap font in PSF1 format: glyphs of 8 pixels width and the table from Unicode to glyph numbers.
 *
 * Owns: struct font, which points into the file's bytes (they must outlive it), and the built-in font.
 * Rules: the file is input: every offset is checked. Source: the format as documented in kbd's doc/font-formats.
 */
#ifndef KEEL_DRIVERS_FONT_H
#define KEEL_DRIVERS_FONT_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* The blocks of Unicode that are looked up: ASCII with Latin-1, and box drawing with block elements and shapes. */
#define FONT_LATIN_COUNT 0x100u
#define FONT_BOX_FIRST   0x2500u
#define FONT_BOX_COUNT   0x100u

/* One slot for each code point that is looked up, and one for all others. */
#define FONT_SLOT_OTHER (FONT_LATIN_COUNT + FONT_BOX_COUNT)

struct font {
    const uint8_t *glyphs; /* glyph_count * height bytes; a byte is a row, its top bit the leftmost pixel */
    uint32_t glyph_count;
    uint32_t width_pixels;
    uint32_t height_pixels;
    uint16_t slots[FONT_SLOT_OTHER + 1]; /* glyph numbers */
};

/* Spleen 8x16 (BSD 2-clause, from Debian's fonts-spleen), put into the image by font.asm. */
extern const uint8_t font_8x16_start[];
extern const uint8_t font_8x16_end[];

/* STATUS_INVALID: not PSF1, cut off, or without a glyph for '?', which stands for all that the font lacks. */
enum status font_parse(struct font *font, const void *psf, uint64_t size_bytes) MUST_CHECK;

/* The glyph number for a code point: that of '?' when there is none. */
uint16_t font_glyph(const struct font *font, uint32_t code_point);

/* The rows of a glyph. `glyph` came from font_glyph. */
const uint8_t *font_rows(const struct font *font, uint16_t glyph);

#endif
