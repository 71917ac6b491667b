/*
 * Cells in memory, and as few stores as possible to the frame buffer.
 *
 *     wanted   a ring of rows: scrolling moves `top`, not memory     +-------+  <- top (first row on screen)
 *     shown    row by row what the pixels show                       | ...   |
 *
 * screen_flush compares the two over the dirty rows and paints the difference. A row of a glyph is 8 pixels and goes
 * out as four 64-bit stores taken from a table of the four possible pairs of pixels.
 */
#include "drivers/screen.h"

#include "kernel/base/bits.h"
#include "kernel/base/check.h"

#define CELL_FOREGROUND_SHIFT 16u
#define CELL_BACKGROUND_SHIFT 24u
#define CELL_GLYPH_MASK       0xFFFFu
#define CELL_COLOUR_MASK      0xFu

#define PIXELS_PER_STORE 2u

/* Red, green, blue of the palette: IBM's colours with a softer blue, readable on black. */
static const uint8_t screen_rgb[SCREEN_COLOUR_COUNT][3] = {
    {0x00, 0x00, 0x00},
    {0xCC, 0x33, 0x33},
    {0x33, 0xAA, 0x33},
    {0xCC, 0x99, 0x22},
    {0x44, 0x66, 0xDD},
    {0xAA, 0x44, 0xAA},
    {0x33, 0xAA, 0xAA},
    {0xC0, 0xC0, 0xC0},
    {0x66, 0x66, 0x66},
    {0xFF, 0x66, 0x66},
    {0x66, 0xEE, 0x66},
    {0xFF, 0xEE, 0x66},
    {0x77, 0xAA, 0xFF},
    {0xFF, 0x77, 0xFF},
    {0x66, 0xEE, 0xEE},
    {0xFF, 0xFF, 0xFF},
};

static void screen_masks(const struct screen_mode *mode, uint32_t masks[3])
{
    static const uint32_t rgbx[3] = {0x0000FF, 0x00FF00, 0xFF0000};
    bool by_masks = mode->format == SCREEN_MASKS;
    bool reversed = mode->format == SCREEN_BGRX;
    masks[0] = by_masks ? mode->red_mask : rgbx[reversed ? 2 : 0];
    masks[1] = by_masks ? mode->green_mask : rgbx[1];
    masks[2] = by_masks ? mode->blue_mask : rgbx[reversed ? 0 : 2];
}

static bool screen_masks_valid(const struct screen_mode *mode)
{
    uint32_t masks[3];
    screen_masks(mode, masks);
    bool present = masks[0] != 0 && masks[1] != 0 && masks[2] != 0;
    bool apart = (masks[0] & masks[1]) == 0 && (masks[0] & masks[2]) == 0 && (masks[1] & masks[2]) == 0;
    return present && apart;
}

enum status screen_check(const struct screen_mode *mode, const struct font *font)
{
    if (mode->width_pixels < font->width_pixels || mode->height_pixels < font->height_pixels)
        return STATUS_INVALID;
    if (mode->pitch_pixels < mode->width_pixels)
        return STATUS_INVALID;
    if (mode->pitch_pixels > SCREEN_PIXELS_MAX || mode->height_pixels > SCREEN_PIXELS_MAX)
        return STATUS_LIMIT;
    uint64_t pixels = (uint64_t)(mode->height_pixels - 1) * mode->pitch_pixels + mode->width_pixels;
    if (pixels * sizeof(uint32_t) > mode->size_bytes)
        return STATUS_INVALID;
    if (mode->format < SCREEN_RGBX || mode->format > SCREEN_MASKS || !screen_masks_valid(mode))
        return STATUS_INVALID;
    return STATUS_OK;
}

static uint64_t screen_cell_count(const struct screen_mode *mode, const struct font *font)
{
    return (uint64_t)(mode->width_pixels / font->width_pixels) * (mode->height_pixels / font->height_pixels);
}

uint64_t screen_cells_bytes(const struct screen_mode *mode, const struct font *font)
{
    return 2 * sizeof(screen_cell) * screen_cell_count(mode, font);
}

/* An 8-bit channel moved under its mask: the mask's top bits get the channel's top bits. */
static uint32_t screen_channel(uint8_t value, uint32_t mask)
{
    unsigned top = bits_last(mask);
    uint32_t moved = top >= 7 ? (uint32_t)value << (top - 7) : (uint32_t)value >> (7 - top);
    return moved & mask;
}

static void screen_make_palette(struct screen *screen)
{
    uint32_t masks[3];
    screen_masks(&screen->mode, masks);
    for (uint32_t i = 0; i < SCREEN_COLOUR_COUNT; i++) {
        screen->palette[i] = screen_channel(screen_rgb[i][0], masks[0]) | screen_channel(screen_rgb[i][1], masks[1]) |
                             screen_channel(screen_rgb[i][2], masks[2]);
    }
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

static screen_cell screen_make_cell(const struct screen *screen, uint32_t code_point)
{
    return font_glyph(screen->font, code_point) | (screen_cell)screen->foreground << CELL_FOREGROUND_SHIFT |
           (screen_cell)screen->background << CELL_BACKGROUND_SHIFT;
}

static screen_cell *screen_wanted_row(const struct screen *screen, uint32_t row)
{
    uint32_t place = screen->top + row;
    if (place >= screen->rows)
        place -= screen->rows;
    return screen->wanted + (uint64_t)place * screen->columns;
}

static void screen_touch(struct screen *screen, uint32_t first, uint32_t end)
{
    if (screen->dirty_first == screen->dirty_end) {
        screen->dirty_first = first;
        screen->dirty_end = end;
        return;
    }
    screen->dirty_first = first < screen->dirty_first ? first : screen->dirty_first;
    screen->dirty_end = end > screen->dirty_end ? end : screen->dirty_end;
}

static void screen_fill(screen_cell *cells, uint64_t count, screen_cell value)
{
    for (uint64_t i = 0; i < count; i++)
        cells[i] = value;
}

/* One pass over the visible pixels, whatever they showed. */
static void screen_paint_all(const struct screen *screen, uint32_t colour)
{
    for (uint32_t y = 0; y < screen->mode.height_pixels; y++) {
        uint32_t *pixels = screen_pixels(screen, 0, y);
        uint32_t x = 0;
        for (; x + PIXELS_PER_STORE <= screen->mode.width_pixels; x += PIXELS_PER_STORE)
            screen_store_pair(pixels + x, screen_pair(colour, colour));
        if (x < screen->mode.width_pixels)
            pixels[x] = colour;
    }
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
    CHECK((uintptr_t)cells % sizeof(uint64_t) == 0);

    uint64_t cell_count = screen_cell_count(mode, font);
    *screen = (struct screen){
        .mode = *mode,
        .font = font,
        .columns = mode->width_pixels / font->width_pixels,
        .rows = mode->height_pixels / font->height_pixels,
        .wanted = cells,
        .shown = (screen_cell *)cells + cell_count,
        .foreground = SCREEN_WHITE,
        .background = SCREEN_BLACK,
    };
    screen_make_palette(screen);
    screen_fill(screen->wanted, 2 * cell_count, screen_make_cell(screen, ' '));
    screen_paint_all(screen, screen->palette[SCREEN_BLACK]);
    screen_touch(screen, 0, 1);
    return STATUS_OK;
}

static void screen_scroll(struct screen *screen)
{
    screen->top = screen->top + 1 == screen->rows ? 0 : screen->top + 1;
    screen_fill(screen_wanted_row(screen, screen->rows - 1), screen->columns, screen_make_cell(screen, ' '));
    screen_touch(screen, 0, screen->rows);
}

void screen_newline(struct screen *screen)
{
    screen_touch(screen, screen->row, screen->row + 1); /* the cursor leaves it */
    screen->column = 0;
    if (screen->row + 1 < screen->rows)
        screen->row++;
    else
        screen_scroll(screen);
    screen_touch(screen, screen->row, screen->row + 1);
}

void screen_put(struct screen *screen, uint32_t code_point)
{
    if (screen->column == screen->columns)
        screen_newline(screen);
    screen_wanted_row(screen, screen->row)[screen->column] = screen_make_cell(screen, code_point);
    screen->column++;
    screen_touch(screen, screen->row, screen->row + 1);
}

void screen_move(struct screen *screen, uint32_t column, uint32_t row)
{
    screen_touch(screen, screen->row, screen->row + 1);
    screen->column = column < screen->columns ? column : screen->columns - 1;
    screen->row = row < screen->rows ? row : screen->rows - 1;
    screen_touch(screen, screen->row, screen->row + 1);
}

void screen_erase(struct screen *screen, uint32_t column, uint32_t count)
{
    if (column >= screen->columns)
        return;
    uint32_t room = screen->columns - column;
    screen_fill(screen_wanted_row(screen, screen->row) + column, count < room ? count : room,
                screen_make_cell(screen, ' '));
    screen_touch(screen, screen->row, screen->row + 1);
}

void screen_clear(struct screen *screen)
{
    screen_fill(screen->wanted, (uint64_t)screen->rows * screen->columns, screen_make_cell(screen, ' '));
    screen->column = 0;
    screen->row = 0;
    screen_touch(screen, 0, screen->rows);
}

void screen_set_colours(struct screen *screen, uint8_t foreground, uint8_t background)
{
    screen->foreground = foreground & CELL_COLOUR_MASK;
    screen->background = background & CELL_COLOUR_MASK;
}

/* The cursor is the cell with its colours exchanged. */
static void screen_paint_cell(const struct screen *screen, uint32_t column, uint32_t row, screen_cell cell)
{
    uint32_t ink = screen->palette[(cell >> CELL_FOREGROUND_SHIFT) & CELL_COLOUR_MASK];
    uint32_t paper = screen->palette[(cell >> CELL_BACKGROUND_SHIFT) & CELL_COLOUR_MASK];
    if ((cell & SCREEN_CELL_CURSOR) != 0) {
        uint32_t exchanged = ink;
        ink = paper;
        paper = exchanged;
    }
    const uint64_t pairs[4] = {
        screen_pair(paper, paper),
        screen_pair(paper, ink),
        screen_pair(ink, paper),
        screen_pair(ink, ink),
    };
    const struct font *font = screen->font;
    const uint8_t *rows = font_rows(font, (uint16_t)(cell & CELL_GLYPH_MASK));
    uint32_t *pixels = screen_pixels(screen, column * font->width_pixels, row * font->height_pixels);
    for (uint32_t y = 0; y < font->height_pixels; y++) {
        uint32_t bits = rows[y];
        screen_store_pair(pixels + 0, pairs[bits >> 6]);
        screen_store_pair(pixels + 2, pairs[(bits >> 4) & 3]);
        screen_store_pair(pixels + 4, pairs[(bits >> 2) & 3]);
        screen_store_pair(pixels + 6, pairs[bits & 3]);
        pixels += screen->mode.pitch_pixels;
    }
}

static void screen_flush_row(struct screen *screen, uint32_t row)
{
    const screen_cell *wanted = screen_wanted_row(screen, row);
    screen_cell *shown = screen->shown + (uint64_t)row * screen->columns;
    uint32_t cursor = screen->columns; /* none in this row */
    if (row == screen->row)
        cursor = screen->column < screen->columns ? screen->column : screen->columns - 1;
    for (uint32_t column = 0; column < screen->columns; column++) {
        screen_cell cell = wanted[column] | (column == cursor ? SCREEN_CELL_CURSOR : 0);
        if (shown[column] == cell)
            continue;
        shown[column] = cell;
        screen_paint_cell(screen, column, row, cell);
    }
}

void screen_flush(struct screen *screen)
{
    for (uint32_t row = screen->dirty_first; row < screen->dirty_end; row++)
        screen_flush_row(screen, row);
    screen->dirty_first = 0;
    screen->dirty_end = 0;
}
