/*
 * The bitmap fonts of the image: which there are, which suits a screen, and how a character looks.
 *
 * Owns: struct font, and the list of fonts. Spleen (BSD 2-clause) in three sizes, from Debian's fonts-spleen; the build
 * keeps what is looked up here and packs it (image/font.py):
 *
 *     0   width | height | glyphs, 16 bits       pixels; the width in whole bytes
 *     4   packed (kernel/base/unpack.h):
 *             slots: the number of a glyph, a byte for each code point that is looked up
 *             glyphs, one after the other: rows of width / 8 bytes, the top bit of the first leftmost; 0 is '?'
 *
 * Rules: a font is unpacked once, into the caller's memory, which must outlive it. A packed font is input all the same.
 */
#ifndef KEEL_DRIVERS_FONT_H
#define KEEL_DRIVERS_FONT_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* The blocks of Unicode that are looked up: ASCII with Latin-1, and box drawing with block elements and shapes. */
#define FONT_LATIN_COUNT 0x100u
#define FONT_BOX_FIRST   0x2500u
#define FONT_BOX_COUNT   0x100u
#define FONT_SLOTS       (FONT_LATIN_COUNT + FONT_BOX_COUNT)

struct font {
    uint32_t width_pixels;
    uint32_t height_pixels;
    uint32_t glyph_count;
    const uint8_t *packed;
    uint64_t packed_bytes;
    const uint8_t *slots; /* FONT_SLOTS glyph numbers; NULL until it is unpacked */
};

/* The fonts of the image (font.asm), the smallest first. */
#define FONT_COUNT 3u
struct font_file {
    const char *name; /* WIDTHxHEIGHT, as on the command line */
    const uint8_t *start;
    const uint8_t *end;
};
extern const struct font_file font_files[FONT_COUNT];
extern const uint8_t font_8x16_start[];
extern const uint8_t font_8x16_end[];
extern const uint8_t font_16x32_start[];
extern const uint8_t font_16x32_end[];
extern const uint8_t font_32x64_start[];
extern const uint8_t font_32x64_end[];

/* The one of that name, or NULL. */
const struct font_file *font_find(const char *name);

/*
 * The largest with which this many pixels still hold 80 columns, which the monitor's lines take, and 34 rows, which the
 * longest of its answers do; the smallest when none does. So 8x16 up to 1080 lines, 16x32 up to 2160, 32x64 above.
 */
const struct font_file *font_for(uint32_t width_pixels, uint32_t height_pixels);

/* Reads what stands in front. The bytes must outlive *font. STATUS_INVALID: too short, or a size that cannot be. */
enum status font_open(struct font *font, const void *file, uint64_t size_bytes) MUST_CHECK;

/* What font_unpack takes of memory. */
uint64_t font_bytes(const struct font *font);

/* Makes an opened font usable. STATUS_INVALID: damaged, or it names glyphs that it lacks. */
enum status font_unpack(struct font *font, void *memory) MUST_CHECK;

/* The glyph number for a code point: that of '?' when there is none. */
uint8_t font_glyph(const struct font *font, uint32_t code_point);

/* The rows of a glyph. `glyph` came from font_glyph. */
const uint8_t *font_rows(const struct font *font, uint8_t glyph);

#endif
