/*
 * Text in 16 colours on a linear frame buffer with 32 bits a pixel, what scrolled off it, and plain rectangles for who
 * draws a page of his own.
 *
 * Owns: struct screen and what the pixels show. Cells lie in the caller's memory twice: as wanted, with some hundred
 * rows that have left the screen, and as shown. Writing changes the wanted ones; screen_flush paints those that differ.
 * Rules: video memory is never read (rule of every uncached or write-combining frame buffer: a read costs a bus round
 * trip); stores are 64 bits wide; geometry comes from firmware and is checked; the caller serialises.
 */
#ifndef KEEL_DRIVERS_SCREEN_H
#define KEEL_DRIVERS_SCREEN_H

#include "drivers/font.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* The channels' masks, red, green and blue, of the two common formats (UEFI 12.9.2); pixels are little-endian. */
#define SCREEN_MASKS_RGBX {0x0000FF, 0x00FF00, 0xFF0000}
#define SCREEN_MASKS_BGRX {0xFF0000, 0x00FF00, 0x0000FF}

struct screen_mode {
    void *pixels; /* the mapped frame buffer, 4-byte aligned */
    uint64_t size_bytes;
    uint32_t width_pixels;
    uint32_t height_pixels;
    uint32_t pitch_pixels; /* from one row to the next, at least the width */
    uint32_t masks[3];     /* where red, green and blue of a pixel are (UEFI 12.9.2, EFI_PIXEL_BITMASK) */
};

/* A glyph number in bits 7:0, its colour in 11:8; REVERSED exchanges ink and paper: the cursor, and the banner. */
typedef uint16_t screen_cell;
#define SCREEN_CELL_INK(colour) ((screen_cell)((colour) << 8))
#define SCREEN_CELL_REVERSED    ((screen_cell)1 << 15)

/* The colours of ECMA-48 8.3.117 (SGR 30 to 37), then the same brighter. Paper is black, and text grey unless told. */
#define SCREEN_COLOURS 16u
#define SCREEN_BLACK   0u
#define SCREEN_RED     1u
#define SCREEN_GREY    7u
#define SCREEN_BRIGHT  8u
#define SCREEN_WHITE   (SCREEN_GREY | SCREEN_BRIGHT)

/* Rows that have left the screen and can be looked at again: this many, and what more the caller's memory holds. */
#define SCREEN_HISTORY_ROWS 256u

struct screen {
    struct screen_mode mode;
    const struct font *font;
    uint32_t columns;
    uint32_t rows;
    screen_cell *wanted; /* kept * columns, a ring of rows: the screen's topmost is `top`, the history stands above */
    screen_cell *shown;  /* rows * columns, as painted */
    uint32_t kept;
    uint32_t top;
    uint32_t history;       /* rows above `top` that hold text */
    uint32_t back;          /* how many of them are in view */
    screen_cell ink;        /* of the characters to come, in its place in a cell */
    uint32_t column; /* where the next character goes; == columns: it wraps first */
    uint32_t row;
    bool cursor_hidden;   /* the caller's to change */
    uint32_t dirty_first; /* rows [dirty_first, dirty_end) and the cursor's may differ from what is shown */
    uint32_t dirty_end;
    uint32_t taken;       /* rows from the top that are ours; below them the pixels are still the firmware's */
    uint64_t painted_pixels; /* ever, cells and rows that were wiped: what a measurement counts */
    uint32_t colours[SCREEN_COLOURS]; /* as pixels; black is 0 in every format */
};

/*
 * STATUS_OK when a frame buffer of this geometry can be drawn on with this font; `pixels` may still be NULL, so that
 * it is asked before anything is mapped. STATUS_INVALID: no room for one character, a pitch under the width, masks that
 * are empty or overlap, more pixels than size_bytes holds. STATUS_LIMIT: beyond SCREEN_PIXELS_MAX.
 */
enum status screen_check(const struct screen_mode *mode, const struct font *font) MUST_CHECK;
#define SCREEN_PIXELS_MAX 16384u /* each way */

/* Bytes of cell memory that screen_init needs at least; the mode has passed screen_check. */
uint64_t screen_cells_bytes(const struct screen_mode *mode, const struct font *font);

/*
 * Starts at the top left, and touches no pixel yet. `cells` (2-byte aligned) and `font` must outlive the screen.
 * Errors: those of screen_check; STATUS_INVALID: pixels are NULL or misaligned; STATUS_NO_MEMORY: too few cells_bytes.
 */
enum status screen_init(struct screen *screen, const struct screen_mode *mode, const struct font *font, void *cells,
                        uint64_t cells_bytes) MUST_CHECK;

/* Puts a character at the cursor and moves on, wrapping and scrolling as needed. Not for control characters. */
void screen_put(struct screen *screen, uint32_t code_point);

/* To the first column of the next row; scrolls at the bottom, by an eighth of the screen at once. */
void screen_newline(struct screen *screen);

/* Moves the cursor; clamped to the screen. */
void screen_move(struct screen *screen, uint32_t column, uint32_t row);

/* Blanks everything and moves to the top left. */
void screen_clear(struct screen *screen);

/* Paints what changed. Until then nothing of the calls above is seen. */
void screen_flush(struct screen *screen);

/* Looks `back` rows back, as far as there is history; 0: at the text's end, where it must be before text is put. */
void screen_look_back(struct screen *screen, uint32_t back);

/* After a flush: the last row shows this instead of text, until a flush has something to paint there. ASCII. */
void screen_banner(struct screen *screen, const char *text);

/* Wipes what the firmware drew in rows before `end`, and with the last row what is left below it; once. */
void screen_take_rows(struct screen *screen, uint32_t end);

/*
 * Drawing over the text, in pixels from the top left; what is beyond the screen is cut. The cells know nothing of it:
 * screen_repaint brings the text back.
 */
void screen_fill(const struct screen *screen, uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint32_t pixel);

/* Printable ASCII in one line, its top left corner at (x, y), each of the font's pixels as scale * scale; no paper. */
void screen_draw_text(const struct screen *screen, uint32_t x, uint32_t y, uint32_t scale, const char *text,
                      uint32_t pixel);

/* Wipes all pixels and paints the text again. */
void screen_repaint(struct screen *screen);

#endif
