/*
 * Cells in memory, and as few stores as possible to the frame buffer.
 *
 *     wanted   a ring of `kept` rows: scrolling moves `top`, not memory
 *
 *         row 0 of memory  | third on the screen  |            a cell   15: reversed (in `shown`)   11:8 colour
 *         row 1            | last on the screen   |                                                 7:0 glyph
 *         row 2            | nothing yet          |
 *         row 3            | history, oldest      |            in view: row 0 = (top - back) mod kept, and on
 *         row 4            | history, newest      |
 *         top = 5 -------> | first on the screen  |
 *         row 6            | second on the screen |
 *
 *     shown    the rows in the screen's own order, as the pixels are now
 *
 * screen_flush compares the two over the dirty rows and paints the difference: a screen of text that scrolls costs the
 * cells that differ, not the pixels of all. That may still be most of them, of 33 MB at 3840x2160. So it scrolls by an
 * eighth of its rows at once, and the lines that fill these cost no more than themselves. Eight pixels of a row go out
 * as four 64-bit stores taken from a table of the four possible pairs of pixels.
 *
 * What the firmware drew is wiped a row at a time, when text first gets there, and the rest of it when there is time
 * (screen_take_rows): a screen has a million pixels and more, and the lines of a boot need a few of its rows.
 */
#include "drivers/screen.h"

#include "kernel/base/bits.h"

#define PAPER 0u

/* Of 0xFF, in each channel that a colour has; a bright colour has some of the others too, so bright black is a grey. */
#define LEVEL_PLAIN  0xC0u
#define LEVEL_BRIGHT 0xFFu
#define LEVEL_REST   0x60u

#define PIXELS_PER_STORE 2u

/* So that row numbers of the ring add up in 32 bits. */
#define SCREEN_KEPT_MAX 0x10000u

enum status screen_check(const struct screen_mode *mode, const struct font *font)
{
    const uint32_t *masks = mode->masks;
    if (mode->width_pixels < font->width_pixels || mode->height_pixels < font->height_pixels ||
        mode->pitch_pixels < mode->width_pixels)
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

uint64_t screen_cells_bytes(const struct screen_mode *mode, const struct font *font)
{
    uint64_t columns = mode->width_pixels / font->width_pixels;
    uint64_t rows = mode->height_pixels / font->height_pixels;
    return sizeof(screen_cell) * columns * (2 * rows + SCREEN_HISTORY_ROWS);
}

/* A level of 8 bits moved under a channel's mask: the mask's top bits get the level's top bits. */
static uint32_t screen_channel(uint32_t mask, uint32_t level)
{
    unsigned top = bits_last(mask);
    return (top >= 7 ? level << (top - 7) : level >> (7 - top)) & mask;
}

/* Colour i of ECMA-48: bits 0 to 2 say which of red, green and blue it has, bit 3 that it is bright. */
static uint32_t screen_palette(const struct screen *screen, uint32_t colour)
{
    bool bright = (colour & SCREEN_BRIGHT) != 0;
    const uint8_t levels[2] = {bright ? LEVEL_REST : 0, bright ? LEVEL_BRIGHT : LEVEL_PLAIN};
    uint32_t pixel = 0;
    for (unsigned i = 0; i < ARRAY_COUNT(screen->mode.masks); i++)
        pixel |= screen_channel(screen->mode.masks[i], levels[colour >> i & 1]);
    return pixel;
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
    return screen->wanted + (uint64_t)((screen->top + row) % screen->kept) * screen->columns;
}

static void screen_blank(const struct screen *screen, screen_cell *cells, uint64_t count)
{
    screen_cell space = font_glyph(screen->font, ' ') | SCREEN_CELL_INK(SCREEN_GREY);
    uint64_t four = space * 0x0001000100010001ull;
    for (; count >= 4; count -= 4, cells += 4)
        __builtin_memcpy(cells, &four, sizeof(four));
    for (; count > 0; count--)
        *cells++ = space;
}

void screen_take_rows(struct screen *screen, uint32_t end)
{
    uint32_t height = screen->font->height_pixels;
    uint32_t y_end = end == screen->rows ? screen->mode.height_pixels : end * height;
    if (screen->taken >= end)
        return;
    for (uint32_t y = screen->taken * height; y < y_end; y++)
        __builtin_memset(screen_pixels(screen, 0, y), PAPER, screen->mode.width_pixels * sizeof(uint32_t));
    screen->painted_pixels += (uint64_t)(y_end - screen->taken * height) * screen->mode.width_pixels;
    /* From here on `shown` is true of these rows, which is what every flush relies on. */
    screen_blank(screen, screen->shown + (uint64_t)screen->taken * screen->columns,
                 (uint64_t)(end - screen->taken) * screen->columns);
    screen->taken = end;
}

/* The rows [first, end) are dirty, too. */
static void screen_touch(struct screen *screen, uint32_t first, uint32_t end)
{
    screen->dirty_first = (uint32_t)min_u64(screen->dirty_first, first);
    screen->dirty_end = (uint32_t)max_u64(screen->dirty_end, end);
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
    uint32_t columns = mode->width_pixels / font->width_pixels;
    uint32_t rows = mode->height_pixels / font->height_pixels;
    *screen = (struct screen){
        .mode = *mode,
        .font = font,
        .columns = columns,
        .rows = rows,
        .shown = cells,
        .wanted = (screen_cell *)cells + (uint64_t)rows * columns,
        .kept = (uint32_t)min_u64(cells_bytes / sizeof(screen_cell) / columns - rows, SCREEN_KEPT_MAX),
        .ink = SCREEN_CELL_INK(SCREEN_GREY),
    };
    for (uint32_t i = 0; i < SCREEN_COLOURS; i++)
        screen->colours[i] = screen_palette(screen, i);
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
    /* The rows that go off the top are history; every row on screen has moved, so all are dirty. */
    uint32_t step = 1 + screen->rows / 8;
    screen->top = (screen->top + step) % screen->kept;
    screen->history = (uint32_t)min_u64(screen->history + step, screen->kept - screen->rows);
    screen->row = screen->rows - step;
    for (uint32_t row = screen->row; row < screen->rows; row++)
        screen_blank(screen, screen_wanted_row(screen, row), screen->columns);
    screen_touch(screen, 0, screen->rows);
}

void screen_put(struct screen *screen, uint32_t code_point)
{
    if (screen->column == screen->columns)
        screen_newline(screen);
    screen_wanted_row(screen, screen->row)[screen->column++] =
        font_glyph(screen->font, code_point) | screen->ink;
    screen_touch(screen, screen->row, screen->row + 1);
}

void screen_move(struct screen *screen, uint32_t column, uint32_t row)
{
    screen->column = column < screen->columns ? column : screen->columns - 1;
    screen->row = row < screen->rows ? row : screen->rows - 1;
}

void screen_clear(struct screen *screen)
{
    for (uint32_t row = 0; row < screen->rows; row++)
        screen_blank(screen, screen_wanted_row(screen, row), screen->columns);
    screen->column = 0;
    screen->row = 0;
    screen_touch(screen, 0, screen->rows);
}

static void screen_show_cell(struct screen *screen, uint32_t column, uint32_t row, screen_cell cell)
{
    uint32_t ink = screen->colours[cell >> 8 & (SCREEN_COLOURS - 1)];
    uint32_t paper = PAPER;
    if ((cell & SCREEN_CELL_REVERSED) != 0) {
        paper = ink;
        ink = PAPER;
    }
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
    const uint8_t *bits = font_rows(font, (uint8_t)cell);
    screen->shown[(uint64_t)row * screen->columns + column] = cell;
    screen->painted_pixels += font->width_pixels * font->height_pixels;
    for (uint32_t y = 0; y < font->height_pixels; y++) {
        uint32_t *pixels = screen_pixels(screen, column * font->width_pixels, row * font->height_pixels + y);
        for (uint32_t x = 0; x < font->width_pixels; x += 8, pixels += 8, bits++) {
            screen_store_pair(pixels, pairs[*bits >> 6]);
            screen_store_pair(pixels + 2, pairs[*bits >> 4 & 3]);
            screen_store_pair(pixels + 4, pairs[*bits >> 2 & 3]);
            screen_store_pair(pixels + 6, pairs[*bits & 3]);
        }
    }
}

static void screen_flush_row(struct screen *screen, uint32_t row)
{
    screen_cell *wanted = screen_wanted_row(screen, row + screen->kept - screen->back);
    const screen_cell *shown = screen->shown + (uint64_t)row * screen->columns;
    /* A cursor that waits behind the last column is shown on it; in `wanted` it is for this loop only. */
    uint32_t cursor = screen->column < screen->columns ? screen->column : screen->columns - 1;
    screen_cell mark = !screen->cursor_hidden && row == screen->row + screen->back ? SCREEN_CELL_REVERSED : 0;
    wanted[cursor] |= mark;
    for (uint32_t column = 0; column < screen->columns; column++)
        if (shown[column] != wanted[column])
            screen_show_cell(screen, column, row, wanted[column]);
    wanted[cursor] ^= mark;
}

void screen_flush(struct screen *screen)
{
    screen_touch(screen, screen->row, screen->row + 1);
    screen_take_rows(screen, screen->dirty_end);
    for (uint32_t row = screen->dirty_first; row < screen->dirty_end; row++)
        screen_flush_row(screen, row);
    screen->dirty_first = screen->row; /* the cursor may leave it, and then it has to be painted again */
    screen->dirty_end = screen->row + 1;
}

void screen_look_back(struct screen *screen, uint32_t back)
{
    screen->back = (uint32_t)min_u64(back, screen->history);
    screen_touch(screen, 0, screen->rows);
}

void screen_banner(struct screen *screen, const char *text)
{
    for (uint32_t column = 0; column < screen->columns; column++) {
        uint8_t glyph = font_glyph(screen->font, *text != '\0' ? (uint8_t)*text++ : ' ');
        screen_show_cell(screen, column, screen->rows - 1, glyph | SCREEN_CELL_INK(SCREEN_GREY) | SCREEN_CELL_REVERSED);
    }
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
    for (uint32_t row = 0; row < font->height_pixels; row++, rows += font->width_pixels / 8)
        for (uint32_t column = 0; column < font->width_pixels; column++)
            if ((rows[column / 8] << column % 8 & 0x80) != 0)
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
    screen_touch(screen, 0, screen->rows);
    screen_flush(screen);
}
