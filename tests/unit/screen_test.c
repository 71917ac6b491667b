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

struct fixture {
    uint32_t pixels[PITCH * HEIGHT];
    uint32_t cells[COLUMNS * ROWS];
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
    while (screen_take_row(&f->screen))
        assert_in_range(f->screen.taken, 1, ROWS);
    assert_int_equal(f->screen.taken, ROWS);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    for (size_t i = 0; i < ARRAY_COUNT(f->pixels); i++)
        f->pixels[i] = GUARD;
    assert_int_equal(font_parse(&font, font_8x16_start, (uint64_t)(font_8x16_end - font_8x16_start)), STATUS_OK);
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

static void font_has_ascii_latin_and_boxes(void **state)
{
    (void)state;
    assert_int_equal(font.width_pixels, 8);
    assert_int_equal(font.height_pixels, 16);
    assert_int_equal(font.glyph_count, 512);
    uint16_t unknown = font_glyph(&font, '?');
    for (uint32_t c = ' '; c < 0x7F; c++)
        assert_true(c == '?' || font_glyph(&font, c) != unknown);
    assert_int_not_equal(font_glyph(&font, 0xE4), unknown);
    assert_int_not_equal(font_glyph(&font, 0x2500), unknown);
    assert_int_equal(font_glyph(&font, 0x4E2D), unknown);
    assert_int_equal(font_glyph(&font, 0xFFFFFFFF), unknown);
}

static void font_refuses_what_is_not_one(void **state)
{
    (void)state;
    struct font other;
    uint64_t size_bytes = (uint64_t)(font_8x16_end - font_8x16_start);
    for (uint64_t cut = 0; cut < 4 + 512 * 16; cut += 37) {
        uint8_t *copy = malloc(cut + 1); /* exact: ASan sees one byte too many */
        memcpy(copy, font_8x16_start, cut);
        assert_int_equal(font_parse(&other, copy, cut), STATUS_INVALID);
        free(copy);
    }
    uint8_t *copy = malloc(size_bytes);
    memcpy(copy, font_8x16_start, size_bytes);
    copy[3] = 0; /* glyphs without height */
    assert_int_equal(font_parse(&other, copy, size_bytes), STATUS_INVALID);
    copy[3] = 255;
    assert_int_equal(font_parse(&other, copy, size_bytes), STATUS_INVALID);
    copy[3] = 16;
    copy[2] = 0; /* no table */
    assert_int_equal(font_parse(&other, copy, size_bytes), STATUS_INVALID);
    free(copy);
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
    assert_int_equal(f->screen.ink, 0xC0C0C0);
    mode.masks[0] = 0x3FF00000, mode.masks[1] = 0x000FFC00, mode.masks[2] = 0x000003FF; /* 10 bits each */
    assert_int_equal(screen_init(&screen, &mode, &font, f->cells, sizeof(f->cells)), STATUS_OK);
    assert_int_equal(screen.ink, 0x300C0300);
    mode.masks[0] = 0xF800, mode.masks[1] = 0x07E0, mode.masks[2] = 0x001F;
    assert_int_equal(screen_init(&screen, &mode, &font, f->cells, sizeof(f->cells)), STATUS_OK);
    assert_int_equal(screen.ink, 0xC618);
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
    play(f, "\nsame");
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
    assert_int_equal(cells[0] & 0xFFFF, font_glyph(&font, 0xE4));
    assert_int_equal(cells[1] & 0xFFFF, font_glyph(&font, 0x2500));
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

/* A page of one's own: rectangles are cut at the edges, text is scaled, and the cells come back. */
static void a_page_is_drawn_over_the_text(void **state)
{
    struct fixture *f = *state;
    uint32_t red = screen_colour(&f->screen, 0xFF, 0, 0);
    assert_int_equal(red, 0xFF0000);
    assert_int_equal(screen_colour(&f->screen, 0x12, 0x34, 0x56), 0x123456);
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
        cmocka_unit_test_setup_teardown(font_has_ascii_latin_and_boxes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(font_refuses_what_is_not_one, set_up, tear_down),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
