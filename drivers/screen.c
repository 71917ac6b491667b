/*
 * Cells in memory, and as few stores as possible to the frame buffer.
 *
 *     wanted   a ring of rows: scrolling moves `top`, not memory
 *
 *         row 0 of memory  | third on the screen  |            on the screen     row 0 = (top + 0) % rows
 *         row 1            | last on the screen   |                              row 1 = (top + 1) % rows
 *         top = 2 -------> | first on the screen  |            a row             columns cells of 16 bits
 *         row 3            | second on the screen |            a cell            15: cursor (in `shown`), 14:0 glyph
 *
 *     shown    the rows in the screen's own order, as the pixels are now
 *
 * screen_flush compares the two over the dirty rows and paints the difference: a screen of text that scrolls by one
 * line costs the cells that differ, not the pixels of all. A row of a glyph is 8 pixels and goes out as four 64-bit
 * stores taken from a table of the four possible pairs of pixels.
 *
 * What the firmware drew is wiped a row at a time, when text first gets there, and the rest of it when there is time
 * (screen_take_row): a screen has a million pixels and more, and the lines of a boot need a few of its rows.
 */
#include "drivers/screen.h"

#include "kernel/base/bits.h"

#define INK_LEVEL 0xC0u /* of 0xFF, in each channel */
#define PAPER     0u

#define PIXELS_PER_STORE 2u

enum status screen_check(const struct screen_mode *mode, const struct font *font)
{
    const uint32_t *masks = mode->masks;
    if (mode->width_pixels < font->width_pixels || mode->height_pixels < font->height_pixels)
        return STATUS_INVALID;
    if (mode->pitch_pixels < mode->width_pixels)
        return STATUS_INVALID;
    if (mode->pitch_pixels > SCREEN_PIXELS_MAX || mode->height_pixels > SCREEN_PIXELS_MAX)
        return STATUS_LIMIT;
    /* The last row need not have its padding: some firmware says exactly that size. */
    uint64_t pixels = (uint64_t)(mode->height_pixels - 1) * mode->pitch_pixels + mode->width_pixels;
    if (pixels * sizeof(uint32_t) > mode->size_bytes)
        return STATUS_INVALID;
    bool present = masks[0] != 0 && masks[1] != 0 && masks[2] != 0;
    /* Overlapping masks would add up to other colours; whatever firmware means by them, it is no picture. */
    bool apart = (masks[0] & masks[1]) == 0 && (masks[0] & masks[2]) == 0 && (masks[1] & masks[2]) == 0;
    return present && apart ? STATUS_OK : STATUS_INVALID;
}

static uint64_t screen_cell_count(const struct screen_mode *mode, const struct font *font)
{
    return (uint64_t)(mode->width_pixels / font->width_pixels) * (mode->height_pixels / font->height_pixels);
}

uint64_t screen_cells_bytes(const struct screen_mode *mode, const struct font *font)
{
    return 2 * sizeof(screen_cell) * screen_cell_count(mode, font);
}

/* A level of 8 bits moved under a channel's mask: the mask's top bits get the level's top bits. */
static uint32_t screen_channel(uint32_t mask, uint32_t level)
{
    unsigned top = bits_last(mask);
    return (top >= 7 ? level << (top - 7) : level >> (7 - top)) & mask;
}

uint32_t screen_colour(const struct screen *screen, uint8_t red, uint8_t green, uint8_t blue)
{
    const uint32_t *masks = screen->mode.masks;
    return screen_channel(masks[0], red) | screen_channel(masks[1], green) | screen_channel(masks[2], blue);
}

/* Two pixels with one store, which may be 4 bytes off its alignment (an odd pitch). Pixels are little-endian. */
static void screen_store_pair(uint32_t *pixels, uint64_t pair)
{
    __builtin_memcpy(pixels, &pair, sizeof(pair));
}

static uint64_t screen_pair(uint32_t left, uint32_t right)
{
    return left | (uint64_t)right << 32;
}

static uint32_t *screen_pixels(const struct screen *screen, uint32_t x, uint32_t y)
{
    return (uint32_t *)screen->mode.pixels + (uint64_t)y * screen->mode.pitch_pixels + x;
}

static screen_cell *screen_wanted_row(const struct screen *screen, uint32_t row)
{
    return screen->wanted + (uint64_t)((screen->top + row) % screen->rows) * screen->columns;
}

static void screen_blank(const struct screen *screen, screen_cell *cells, uint64_t count)
{
    screen_cell space = font_glyph(screen->font, ' ');
    uint64_t four = space * 0x0001000100010001ull;
    for (; count >= 4; count -= 4, cells += 4)
        __builtin_memcpy(cells, &four, sizeof(four));
    for (; count > 0; count--)
        *cells++ = space;
}

/* Until all rows before `end` are ours, and with the last one what is left below it: paper, whatever was there. */
static void screen_take_rows(struct screen *screen, uint32_t end)
{
    uint32_t height = screen->font->height_pixels;
    uint32_t y_end = end == screen->rows ? screen->mode.height_pixels : end * height;
    if (screen->taken >= end)
        return;
    for (uint32_t y = screen->taken * height; y < y_end; y++)
        __builtin_memset(screen_pixels(screen, 0, y), PAPER, screen->mode.width_pixels * sizeof(uint32_t));
    /* From here on `shown` is true of these rows, which is what every flush relies on. */
    screen_blank(screen, screen->shown + (uint64_t)screen->taken * screen->columns,
                 (uint64_t)(end - screen->taken) * screen->columns);
    screen->taken = end;
}

enum status screen_init(struct screen *screen, const struct screen_mode *mode, const struct font *font, void *cells,
                        uint64_t cells_bytes)
{
    enum status status = screen_check(mode, font);
    if (status != STATUS_OK)
        return status;
    if (mode->pixels == NULL || (uintptr_t)mode->pixels % sizeof(uint32_t) != 0)
        return STATUS_INVALID;
    if (cells_bytes < screen_cells_bytes(mode, font))
        return STATUS_NO_MEMORY;
    uint64_t cell_count = screen_cell_count(mode, font);
    *screen = (struct screen){
        .mode = *mode,
        .font = font,
        .columns = mode->width_pixels / font->width_pixels,
        .rows = mode->height_pixels / font->height_pixels,
        .wanted = cells,
        .shown = (screen_cell *)cells + cell_count,
    };
    screen->ink = screen_colour(screen, INK_LEVEL, INK_LEVEL, INK_LEVEL);
    screen_clear(screen);
    screen->dirty_end = 1; /* not all of it: nothing is painted where there is no text yet */
    return STATUS_OK;
}

void screen_newline(struct screen *screen)
{
    screen->column = 0;
    if (screen->row + 1 < screen->rows) {
        screen->row++;
        return;
    }
    /*
     * The row that falls off the top becomes the empty one at the bottom. Every row on screen has moved: all are dirty.
     */
    screen->top = (screen->top + 1) % screen->rows;
    screen_blank(screen, screen_wanted_row(screen, screen->row), screen->columns);
    screen->dirty_first = 0;
    screen->dirty_end = screen->rows;
}

/* Makes the cursor's row one of the dirty ones. */
static void screen_touch(struct screen *screen)
{
    if (screen->row < screen->dirty_first)
        screen->dirty_first = screen->row;
    if (screen->row >= screen->dirty_end)
        screen->dirty_end = screen->row + 1;
}

void screen_put(struct screen *screen, uint32_t code_point)
{
    if (screen->column == screen->columns)
        screen_newline(screen);
    screen_wanted_row(screen, screen->row)[screen->column++] = font_glyph(screen->font, code_point);
    screen_touch(screen);
}

void screen_move(struct screen *screen, uint32_t column, uint32_t row)
{
    screen->column = column < screen->columns ? column : screen->columns - 1;
    screen->row = row < screen->rows ? row : screen->rows - 1;
}

void screen_clear(struct screen *screen)
{
    screen_blank(screen, screen->wanted, (uint64_t)screen->rows * screen->columns);
    screen->column = 0;
    screen->row = 0;
    screen->dirty_first = 0;
    screen->dirty_end = screen->rows;
}

/* The cursor is the cell with ink and paper exchanged. */
static void screen_paint_cell(const struct screen *screen, uint32_t column, uint32_t row, screen_cell cell)
{
    bool is_cursor = (cell & SCREEN_CELL_CURSOR) != 0;
    uint32_t ink = is_cursor ? PAPER : screen->ink;
    uint32_t paper = is_cursor ? screen->ink : PAPER;
    /*
     * Index: the left pixel's bit, then the right one's. The lower address is the left pixel: the low half of a store.
     */
    const uint64_t pairs[4] = {
        screen_pair(paper, paper),
        screen_pair(paper, ink),
        screen_pair(ink, paper),
        screen_pair(ink, ink),
    };
    const struct font *font = screen->font;
    const uint8_t *bits = font_rows(font, cell & (SCREEN_CELL_CURSOR - 1));
    for (uint32_t y = 0; y < font->height_pixels; y++) {
        uint32_t *pixels = screen_pixels(screen, column * font->width_pixels, row * font->height_pixels + y);
        for (uint32_t x = 0; x < 8; x += PIXELS_PER_STORE)
            screen_store_pair(pixels + x, pairs[bits[y] >> (6 - x) & 3]);
    }
}

static void screen_flush_row(struct screen *screen, uint32_t row)
{
    const screen_cell *wanted = screen_wanted_row(screen, row);
    screen_cell *shown = screen->shown + (uint64_t)row * screen->columns;
    /* A cursor that waits behind the last column is shown on it. */
    uint32_t cursor = screen->column < screen->columns ? screen->column : screen->columns - 1;
    for (uint32_t column = 0; column < screen->columns; column++) {
        bool is_cursor = row == screen->row && column == cursor;
        screen_cell cell = wanted[column] | (is_cursor ? SCREEN_CELL_CURSOR : 0);
        if (shown[column] == cell)
            continue;
        shown[column] = cell;
        screen_paint_cell(screen, column, row, cell);
    }
}

void screen_flush(struct screen *screen)
{
    screen_touch(screen);
    screen_take_rows(screen, screen->dirty_end);
    for (uint32_t row = screen->dirty_first; row < screen->dirty_end; row++)
        screen_flush_row(screen, row);
    screen->dirty_first = screen->row; /* the cursor may leave it, and then it has to be painted again */
    screen->dirty_end = screen->row + 1;
}

bool screen_take_row(struct screen *screen)
{
    if (screen->taken == screen->rows)
        return false;
    screen_take_rows(screen, screen->taken + 1);
    return true;
}

/* ---- Drawing in pixels ---- */

void screen_fill(const struct screen *screen, uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint32_t pixel)
{
    uint64_t x_end = min_u64((uint64_t)x + width, screen->mode.width_pixels);
    uint64_t y_end = min_u64((uint64_t)y + height, screen->mode.height_pixels);
    for (; y < y_end; y++) {
        uint32_t at = x;
        for (; at + 1 < x_end; at += PIXELS_PER_STORE)
            screen_store_pair(screen_pixels(screen, at, y), screen_pair(pixel, pixel));
        if (at < x_end)
            *screen_pixels(screen, at, y) = pixel;
    }
}

static void screen_draw_glyph(const struct screen *screen, uint32_t x, uint32_t y, uint32_t scale, const uint8_t *rows,
                              uint32_t pixel)
{
    const struct font *font = screen->font;
    for (uint32_t row = 0; row < font->height_pixels; row++)
        for (uint32_t column = 0; column < font->width_pixels; column++)
            if ((rows[row] << column & 0x80) != 0)
                screen_fill(screen, x + column * scale, y + row * scale, scale, scale, pixel);
}

void screen_draw_text(const struct screen *screen, uint32_t x, uint32_t y, uint32_t scale, const char *text,
                      uint32_t pixel)
{
    /* To the right edge only: beyond it a long text's x would wrap. */
    for (; *text != '\0' && x < screen->mode.width_pixels; text++, x += screen->font->width_pixels * scale)
        screen_draw_glyph(screen, x, y, scale, font_rows(screen->font, font_glyph(screen->font, (uint8_t)*text)),
                          pixel);
}

void screen_repaint(struct screen *screen)
{
    screen->taken = 0;
    screen->dirty_first = 0;
    screen->dirty_end = screen->rows;
    screen_flush(screen);
}
