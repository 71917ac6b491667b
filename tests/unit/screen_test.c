/*
 * drivers/font.c, screen.c and terminal.c: the frame buffer is a buffer, with guard pixels around what may be touched.
 * Text is read back from the pixels through the font, so the tests see what a person would.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "drivers/terminal.h"

#define WIDTH   83u /* 10 columns and 3 pixels */
#define HEIGHT  70u /* 4 rows and 6 pixels */
#define PITCH   91u /* odd: 64-bit stores are misaligned on every second row */
#define COLUMNS 10u
#define ROWS    4u
#define GUARD   0xDEADBEEFu

static struct font font;
static uint8_t glyphs[8192];

struct fixture {
    uint32_t pixels[PITCH * HEIGHT];
    uint64_t cells[(2 * ROWS + SCREEN_HISTORY_ROWS) * COLUMNS / 4];
    struct screen screen;
    struct terminal terminal;
};

static struct screen_mode mode_of(struct fixture *f)
{
    return (struct screen_mode){
        .pixels = f->pixels,
        .size_bytes = sizeof(f->pixels),
        .width_pixels = WIDTH,
        .height_pixels = HEIGHT,
        .pitch_pixels = PITCH,
        .masks = SCREEN_MASKS_BGRX,
    };
}

static void take_all(struct fixture *f)
{
    for (uint32_t end = 1, before = f->screen.taken; end <= ROWS; end++) {
        screen_take_rows(&f->screen, end);
        assert_int_equal(f->screen.taken, end > before ? end : before);
    }
}

static struct font opened(const struct font_file *file)
{
    struct font one;
    assert_int_equal(font_open(&one, file->start, (uint64_t)(file->end - file->start)), STATUS_OK);
    return one;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    for (size_t i = 0; i < ARRAY_COUNT(f->pixels); i++)
        f->pixels[i] = GUARD;
    font = opened(&font_files[0]);
    assert_true(font_bytes(&font) <= sizeof(glyphs));
    assert_int_equal(font_unpack(&font, glyphs), STATUS_OK);
    struct screen_mode mode = mode_of(f);
    assert_int_equal(screen_init(&f->screen, &mode, &font, f->cells, sizeof(f->cells)), STATUS_OK);
    take_all(f);
    terminal_init(&f->terminal, &f->screen);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void play(struct fixture *f, const char *text)
{
    for (; *text != '\0'; text++)
        terminal_write(&f->terminal, (uint8_t)*text);
    screen_flush(&f->screen);
}

/* The character whose glyph the pixels of a cell show: paper is black; the cursor cell is inverse, read as '_'. */
static char read_cell(const struct fixture *f, uint32_t column, uint32_t row)
{
    uint8_t rows[16];
    uint32_t lit = 0;
    for (uint32_t y = 0; y < 16; y++) {
        const uint32_t *pixels = f->pixels + (row * 16 + y) * PITCH + column * 8;
        rows[y] = 0;
        for (uint32_t x = 0; x < 8; x++) {
            rows[y] = (uint8_t)(rows[y] << 1 | (pixels[x] != 0));
            lit += pixels[x] != 0;
        }
    }
    if (lit > 80)
        return '_';
    for (char c = ' '; c < 0x7F; c++) {
        if (memcmp(rows, font_rows(&font, font_glyph(&font, (uint32_t)c)), 16) == 0)
            return c;
    }
    return '#';
}

static void assert_shows(const struct fixture *f, const char *expected)
{
    char text[COLUMNS * ROWS + 1] = {0};
    for (uint32_t i = 0; i < COLUMNS * ROWS; i++)
        text[i] = read_cell(f, i % COLUMNS, i / COLUMNS);
    assert_string_equal(text, expected);
    for (uint32_t y = 0; y < HEIGHT; y++) {
        for (uint32_t x = WIDTH; x < PITCH; x++)
            assert_int_equal(f->pixels[y * PITCH + x], GUARD);
    }
}

/* Every font has what the kernel looks up, and the glyphs of one character are of one shape in all of them. */
static void fonts_have_ascii_latin_and_boxes(void **state)
{
    (void)state;
    static const uint32_t sizes[FONT_COUNT][2] = {{8, 16}, {16, 32}, {32, 64}};
    for (size_t i = 0; i < FONT_COUNT; i++) {
        struct font one = opened(&font_files[i]);
        assert_int_equal(one.width_pixels, sizes[i][0]);
        assert_int_equal(one.height_pixels, sizes[i][1]);
        uint8_t *memory = malloc(font_bytes(&one)); /* exact: ASan sees one byte too many */
        assert_int_equal(font_unpack(&one, memory), STATUS_OK);
        uint8_t unknown = font_glyph(&one, '?');
        for (uint32_t c = ' '; c < 0x7F; c++)
            assert_true(c == '?' || font_glyph(&one, c) != unknown);
        assert_int_not_equal(font_glyph(&one, 0xE4), unknown);
        assert_int_not_equal(font_glyph(&one, 0x2500), unknown);
        assert_int_equal(font_glyph(&one, 0x4E2D), unknown);
        assert_int_equal(font_glyph(&one, 0xFFFFFFFF), unknown);
        uint64_t glyph_bytes = one.width_pixels / 8 * one.height_pixels;
        for (uint64_t k = 0; k < glyph_bytes; k++) /* U+2588, full block */
            assert_int_equal(font_rows(&one, font_glyph(&one, 0x2588))[k], 0xFF);
        for (uint64_t k = 0; k < glyph_bytes; k++)
            assert_int_equal(font_rows(&one, font_glyph(&one, ' '))[k], 0);
        free(memory);
    }
}

static void damaged_fonts_are_refused(void **state)
{
    (void)state;
    const struct font_file *file = &font_files[0];
    uint64_t size_bytes = (uint64_t)(file->end - file->start);
    for (uint64_t cut = 0; cut < size_bytes; cut++) {
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, file->start, cut);
        struct font one;
        uint8_t memory[8192];
        bool opens = font_open(&one, copy, cut) == STATUS_OK;
        assert_int_equal(opens, cut >= 4);
        assert_false(opens && font_unpack(&one, memory) == STATUS_OK);
        free(copy);
    }
    static const uint8_t bad[][4] = {{0, 16, 9, 0}, {7, 16, 9, 0}, {8, 0, 9, 0}, {8, 16, 0, 0}, {8, 16, 1, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct font one;
        assert_int_equal(font_open(&one, bad[i], sizeof(bad[i])), STATUS_INVALID);
    }
    /* A font of one glyph, whose slots name a second one: 15 literals and a repetition of them. */
    static const uint8_t slot_1[] = {8, 1, 1, 0, 0x1F, 1, 1, 0, 255, 238, 0x00};
    struct font one;
    uint8_t memory[FONT_SLOTS + 1];
    assert_int_equal(font_open(&one, slot_1, sizeof(slot_1)), STATUS_OK);
    assert_int_equal(font_unpack(&one, memory), STATUS_INVALID);
}

/* What the sizes of real panels get: the largest that leaves 80 columns and 34 rows. */
static void the_font_suits_the_screen(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        const char *name;
    } panels[] = {
        {640, 480, "8x16"},     {1280, 800, "8x16"},    {1920, 1080, "8x16"},  {1920, 1200, "16x32"},
        {2560, 1440, "16x32"},  {2880, 1800, "16x32"},  {3840, 2160, "16x32"}, {5120, 2880, "32x64"},
        {7680, 4320, "32x64"},  {800, 1280, "8x16"},    {1600, 2560, "16x32"}, {1, 1, "8x16"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(panels); i++)
        assert_string_equal(font_for(panels[i].width, panels[i].height)->name, panels[i].name);
    assert_ptr_equal(font_find("16x32"), &font_files[1]);
    assert_null(font_find("16x33"));
    assert_null(font_find(""));
}

static void geometry_is_checked(void **state)
{
    struct fixture *f = *state;
    struct screen_mode good = mode_of(f);
    struct screen_mode mode = good;
    assert_int_equal(screen_check(&mode, &font), STATUS_OK);
    mode.size_bytes = ((HEIGHT - 1) * PITCH + WIDTH) * 4; /* the last row's padding need not exist */
    assert_int_equal(screen_check(&mode, &font), STATUS_OK);
    mode.size_bytes--;
    assert_int_equal(screen_check(&mode, &font), STATUS_INVALID);
    mode = good, mode.width_pixels = 0;
    assert_int_equal(screen_check(&mode, &font), STATUS_INVALID);
    mode = good, mode.height_pixels = 0;
    assert_int_equal(screen_check(&mode, &font), STATUS_INVALID);
    mode = good, mode.pitch_pixels = WIDTH - 1;
    assert_int_equal(screen_check(&mode, &font), STATUS_INVALID);
    mode = good, mode.pitch_pixels = 0xFFFFFFFF, mode.size_bytes = UINT64_MAX;
    assert_int_equal(screen_check(&mode, &font), STATUS_LIMIT);
    mode = good, mode.height_pixels = 0xFFFFFFFF, mode.size_bytes = UINT64_MAX;
    assert_int_equal(screen_check(&mode, &font), STATUS_LIMIT);
    mode = good, mode.masks[1] = 0; /* no green */
    assert_int_equal(screen_check(&mode, &font), STATUS_INVALID);
    mode.masks[1] = 0x1FE; /* overlaps the lowest */
    assert_int_equal(screen_check(&mode, &font), STATUS_INVALID);
    struct screen screen;
    assert_int_equal(screen_init(&screen, &good, &font, f->cells, sizeof(f->cells) - 1), STATUS_NO_MEMORY);
    mode = good, mode.pixels = NULL;
    assert_int_equal(screen_check(&mode, &font), STATUS_OK); /* the geometry is asked before anything is mapped */
    assert_int_equal(screen_init(&screen, &mode, &font, f->cells, sizeof(f->cells)), STATUS_INVALID);
    mode.pixels = (uint8_t *)f->pixels + 2;
    assert_int_equal(screen_init(&screen, &mode, &font, f->cells, sizeof(f->cells)), STATUS_INVALID);
}

static void masks_place_the_channels(void **state)
{
    struct fixture *f = *state;
    struct screen screen;
    struct screen_mode mode = mode_of(f);
    assert_int_equal(f->screen.colours[SCREEN_GREY], 0xC0C0C0);
    mode.masks[0] = 0x3FF00000, mode.masks[1] = 0x000FFC00, mode.masks[2] = 0x000003FF; /* 10 bits each */
    assert_int_equal(screen_init(&screen, &mode, &font, f->cells, sizeof(f->cells)), STATUS_OK);
    assert_int_equal(screen.colours[SCREEN_GREY], 0x300C0300);
    mode.masks[0] = 0xF800, mode.masks[1] = 0x07E0, mode.masks[2] = 0x001F;
    assert_int_equal(screen_init(&screen, &mode, &font, f->cells, sizeof(f->cells)), STATUS_OK);
    assert_int_equal(screen.colours[SCREEN_GREY], 0xC618);
}

static void text_is_drawn_with_a_cursor(void **state)
{
    struct fixture *f = *state;
    play(f, "Hello\nkeel>");
    assert_shows(f, "Hello     "
                    "keel>_    "
                    "          "
                    "          ");
    play(f, " \b\b<");
    assert_shows(f, "Hello     "
                    "keel<_    "
                    "          "
                    "          ");
}

static void long_lines_wrap_and_the_last_row_scrolls(void **state)
{
    struct fixture *f = *state;
    play(f, "0123456789"); /* exactly full: it wraps with the next character only */
    assert_shows(f, "012345678_"
                    "          "
                    "          "
                    "          ");
    play(f, "ab\none\ntwo\nthree\n\n");
    assert_shows(f, "two       "
                    "three     "
                    "          "
                    "_         ");
    for (int i = 0; i < 50; i++)
        play(f, "line\n");
    assert_shows(f, "line      "
                    "line      "
                    "line      "
                    "_         ");
}

/* A person who waits for a boot of a thousand lines pays for each store: cells that stay the same cost none. */
static void only_changed_cells_are_painted(void **state)
{
    struct fixture *f = *state;
    play(f, "same\nsame\nsame\nsame");
    for (uint32_t i = 0; i < 4 * 8; i++)
        f->pixels[i] = GUARD; /* in the first row's first cells */
    uint64_t before = f->screen.painted_pixels;
    play(f, "\nsame");
    assert_int_equal(f->screen.painted_pixels, before); /* the cursor's cells, too: it stands where it stood */
    for (uint32_t i = 0; i < 4 * 8; i++)
        assert_int_equal(f->pixels[i], GUARD);
}

static bool row_is_untouched(const struct fixture *f, uint32_t row)
{
    for (uint32_t y = row * 16; y < (row + 1) * 16; y++) {
        for (uint32_t x = 0; x < WIDTH; x++)
            if (f->pixels[y * PITCH + x] != GUARD)
                return false;
    }
    return true;
}

/* A screen that the firmware drew on: a row is wiped once, when text gets there, and all that is left in the end. */
static void firmwares_picture_goes_row_by_row(void **state)
{
    struct fixture *f = *state;
    struct screen_mode mode = mode_of(f);
    for (size_t i = 0; i < ARRAY_COUNT(f->pixels); i++)
        f->pixels[i] = GUARD;
    assert_int_equal(screen_init(&f->screen, &mode, &font, f->cells, sizeof(f->cells)), STATUS_OK);
    for (uint32_t row = 0; row < ROWS; row++)
        assert_true(row_is_untouched(f, row));
    play(f, "one\ntwo");
    assert_int_equal(read_cell(f, 2, 0), 'e');
    assert_int_equal(read_cell(f, 9, 0), ' ');
    assert_int_equal(read_cell(f, 3, 1), '_');
    assert_true(row_is_untouched(f, 2) && row_is_untouched(f, 3));
    f->pixels[0] = GUARD;
    take_all(f);
    screen_flush(&f->screen);
    assert_int_equal(f->pixels[0], GUARD); /* what has been wiped is not wiped again */
    f->pixels[0] = 0;
    assert_shows(f, "one       "
                    "two_      "
                    "          "
                    "          ");
    for (uint32_t y = 0; y < HEIGHT; y++) /* what is left beside and below the cells */
        assert_int_equal(f->pixels[y * PITCH + WIDTH - 1], 0);
    for (uint32_t x = 0; x < WIDTH; x++)
        assert_int_equal(f->pixels[(HEIGHT - 1) * PITCH + x], 0);
}

static void nothing_is_painted_before_flush(void **state)
{
    struct fixture *f = *state;
    screen_put(&f->screen, 'x');
    assert_int_equal(read_cell(f, 0, 0), ' ');
    screen_flush(&f->screen);
    assert_int_equal(read_cell(f, 0, 0), 'x');
}

static void escape_sequences_move_and_clear(void **state)
{
    struct fixture *f = *state;
    play(f, "abcdef\x1b[3;4Hx\x1b[H");
    assert_shows(f, "_bcdef    "
                    "          "
                    "   x      "
                    "          ");
    play(f, "\x1b[J"); /* without the 2 it would clear from here on, which nobody needs */
    assert_int_equal(read_cell(f, 1, 0), 'b');
    play(f, "\x1b[2Jtop\tt\x1b[99;99Hend"); /* the last cell takes the 'e', the rest wraps and scrolls */
    assert_shows(f, "          "
                    "          "
                    "         e"
                    "nd_       ");
}

static void other_sequences_are_swallowed(void **state)
{
    struct fixture *f = *state;
    play(f, "\x1b[1;31mred\x1b[m \x1b[?25l\x1b[;;;;;;;;;;31;32m\x1bOPx\x1b\x1b[3D");
    assert_shows(f, "red x_    "
                    "          "
                    "          "
                    "          ");
}

static void utf8_is_decoded_and_errors_are_seen(void **state)
{
    struct fixture *f = *state;
    play(f, "\xC3\xA4\xE2\x94\x80"); /* a umlaut, box drawings light horizontal */
    const screen_cell *cells = f->screen.wanted;
    assert_int_equal((uint8_t)cells[0], font_glyph(&font, 0xE4));
    assert_int_equal((uint8_t)cells[1], font_glyph(&font, 0x2500));
    play(f, "\r\xE2\x94x\x80y\xF0\x9F\x98\x80");
    assert_shows(f, "?x?y?_    "
                    "          "
                    "          "
                    "          ");
}

static void any_bytes_are_safe(void **state)
{
    struct fixture *f = *state;
    uint32_t random = 7;
    for (int i = 0; i < 200000; i++) {
        random = random * 1664525 + 1013904223;
        uint8_t byte = (uint8_t)(random >> 24);
        terminal_write(&f->terminal, (random & 0x700000) == 0 ? 0x1B : (random & 0x300000) == 0 ? '[' : byte);
        if (i % 16 == 0)
            screen_flush(&f->screen);
    }
    play(f, "\x18\x18@\x1b[0m\x1b[2Jok");
    assert_shows(f, "ok_       "
                    "          "
                    "          "
                    "          ");
}

/* The colour of the first lit pixel of a cell; 0: none is. */
static uint32_t ink_of(const struct fixture *f, uint32_t column, uint32_t row)
{
    for (uint32_t y = row * 16; y < (row + 1) * 16; y++)
        for (uint32_t x = column * 8; x < (column + 1) * 8; x++)
            if (f->pixels[y * PITCH + x] != 0)
                return f->pixels[y * PITCH + x];
    return 0;
}

static void characters_have_colours(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sequence;
        uint32_t ink;
    } rows[] = {
        {"\x1b[31m", 0xC00000}, {"\x1b[33m", 0xC0C000}, {"\x1b[1m", 0xC0C000}, {"\x1b[34m", 0x0000C0},
        {"\x1b[90m", 0x606060}, {"\x1b[97m", 0xFFFFFF}, {"\x1b[0m", 0xC0C0C0}, {"\x1b[96m", 0x60FFFF},
        {"\x1b[38m", 0x60FFFF}, {"\x1b[98m", 0x60FFFF}, {"\x1b[29m", 0x60FFFF}, {"\x1b[89m", 0x60FFFF},
        {"\x1b[m", 0xC0C0C0},   {"\x1b[7m", 0xC0C0C0},  {"\x1b[5;48m", 0xC0C0C0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        play(f, rows[i].sequence);
        play(f, "\x1b[HX");
        assert_int_equal(ink_of(f, 0, 0), rows[i].ink);
    }
    assert_int_equal(f->pixels[0], 0); /* the corner is paper */
    play(f, "\x1b[32m\x1b[2J\x1b[0mok");
    assert_int_equal(ink_of(f, 1, 0), 0xC0C0C0);
}

/* Rows that left the screen come back, as far as there are any, and new output leads to the end again. */
static void older_rows_can_be_looked_at(void **state)
{
    struct fixture *f = *state;
    for (char c = 'a'; c <= 'j'; c++) {
        const char line[] = {c, '\n', '\0'};
        play(f, line);
    }
    screen_look_back(&f->screen, 3);
    screen_flush(&f->screen);
    assert_shows(f, "e         "
                    "f         "
                    "g         "
                    "h         ");
    screen_look_back(&f->screen, 1000);
    assert_int_equal(f->screen.back, 7);
    screen_flush(&f->screen);
    screen_banner(&f->screen, "7 of 7");
    assert_int_equal(read_cell(f, 0, 0), 'a');
    assert_int_equal(read_cell(f, 0, 2), 'c');
    assert_int_equal(f->pixels[3 * 16 * PITCH], 0xC0C0C0); /* reversed */
    play(f, "k");
    assert_shows(f, "h         "
                    "i         "
                    "j         "
                    "k_        ");
    /* The ring goes round and forgets the oldest. */
    for (uint32_t i = 0; i < 3 * f->screen.kept; i++)
        play(f, "\nx");
    screen_look_back(&f->screen, UINT32_MAX);
    assert_int_equal(f->screen.back, SCREEN_HISTORY_ROWS + ROWS - ROWS);
    screen_flush(&f->screen);
    assert_shows(f, "x         "
                    "x         "
                    "x         "
                    "x         ");
}

/* A large screen scrolls by an eighth of its rows at once: the lines in between cost only their own cells. */
static void large_screens_scroll_in_steps(void **state)
{
    (void)state;
    static uint32_t pixels[640 * 640];
    static uint64_t cells[80 * (2 * 40 + SCREEN_HISTORY_ROWS) / 4];
    struct screen screen;
    struct screen_mode mode = {pixels, sizeof(pixels), 640, 640, 640, SCREEN_MASKS_BGRX};
    assert_int_equal(screen_init(&screen, &mode, &font, cells, sizeof(cells)), STATUS_OK);
    for (uint32_t i = 0; i < 40; i++)
        screen_newline(&screen);
    assert_int_equal(screen.row, 34); /* 40 rows: 6 at once */
    assert_int_equal(screen.history, 6);
    for (uint32_t i = 0; i < 5; i++)
        screen_newline(&screen);
    assert_int_equal(screen.history, 6);
}

/* Two bytes a row: every pixel of a wide glyph is where the font has it. */
static void wide_fonts_are_drawn(void **state)
{
    (void)state;
    static uint32_t pixels[64 * 64];
    static uint64_t cells[4 * (2 * 2 + SCREEN_HISTORY_ROWS) / 4];
    static uint8_t wide_glyphs[32768];
    struct screen screen;
    struct font wide = opened(&font_files[1]);
    struct screen_mode mode = {pixels, sizeof(pixels), 64, 64, 64, SCREEN_MASKS_BGRX};
    assert_true(font_bytes(&wide) <= sizeof(wide_glyphs));
    assert_int_equal(font_unpack(&wide, wide_glyphs), STATUS_OK);
    assert_int_equal(screen_init(&screen, &mode, &wide, cells, sizeof(cells)), STATUS_OK);
    screen_move(&screen, 1, 1);
    screen_put(&screen, 'R');
    screen_flush(&screen);
    const uint8_t *rows = font_rows(&wide, font_glyph(&wide, 'R'));
    for (uint32_t y = 0; y < 32; y++)
        for (uint32_t x = 0; x < 16; x++)
            assert_int_equal(pixels[(32 + y) * 64 + 16 + x] != 0, (rows[2 * y + x / 8] << x % 8 & 0x80) != 0);
}

/* A page of one's own: rectangles are cut at the edges, text is scaled, and the cells come back. */
static void a_page_is_drawn_over_the_text(void **state)
{
    struct fixture *f = *state;
    uint32_t red = f->screen.colours[SCREEN_RED];
    assert_int_equal(red, 0xC00000);
    assert_int_equal(f->screen.colours[2], 0x00C000);
    assert_int_equal(f->screen.colours[SCREEN_BRIGHT | 4], 0x6060FF);
    play(f, "text");
    screen_fill(&f->screen, 1, 2, 3, 1, red);
    for (uint32_t x = 0; x < 5; x++)
        assert_int_equal(f->pixels[2 * PITCH + x], x >= 1 && x < 4 ? red : 0);
    screen_fill(&f->screen, WIDTH - 3, HEIGHT - 1, UINT32_MAX, UINT32_MAX, red);
    screen_fill(&f->screen, WIDTH, 0, 1, 1, red);
    screen_fill(&f->screen, 0, HEIGHT, 1, 1, red);
    screen_fill(&f->screen, UINT32_MAX, UINT32_MAX, 9, 9, red);
    assert_int_equal(f->pixels[(HEIGHT - 1) * PITCH + WIDTH - 1], red);
    assert_int_equal(f->pixels[(HEIGHT - 1) * PITCH + WIDTH - 4], 0);
    screen_fill(&f->screen, 0, 0, WIDTH, HEIGHT, 0);
    screen_draw_text(&f->screen, 16, 16, 2, "E and much that is beyond the edge", red);
    const uint8_t *rows = font_rows(&font, font_glyph(&font, 'E'));
    for (uint32_t y = 0; y < 32; y++)
        for (uint32_t x = 0; x < 16; x++)
            assert_int_equal(f->pixels[(16 + y) * PITCH + 16 + x], (rows[y / 2] << x / 2 & 0x80) != 0 ? red : 0);
    screen_repaint(&f->screen);
    assert_shows(f, "text_     "
                    "          "
                    "          "
                    "          ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fonts_have_ascii_latin_and_boxes),
        cmocka_unit_test(damaged_fonts_are_refused),
        cmocka_unit_test(the_font_suits_the_screen),
        cmocka_unit_test_setup_teardown(geometry_is_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(masks_place_the_channels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(text_is_drawn_with_a_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_wrap_and_the_last_row_scrolls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_changed_cells_are_painted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(firmwares_picture_goes_row_by_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_painted_before_flush, set_up, tear_down),
        cmocka_unit_test_setup_teardown(escape_sequences_move_and_clear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_sequences_are_swallowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(utf8_is_decoded_and_errors_are_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_bytes_are_safe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_is_drawn_over_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(characters_have_colours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_rows_can_be_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_screens_scroll_in_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wide_fonts_are_drawn, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
