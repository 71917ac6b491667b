/* Drawing the page of a panic from its text, line by line: see panic_screen.h. */
#include "kernel/panic_screen.h"

#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/qr_screen.h"
#include "kernel/time.h"

/* Enough to point a phone at each code of a page. */
#define PAGE_US 8000000u

/* A screen with so many rows of text has room for the cause in letters of twice the size. */
#define LARGE_ROWS_MIN 48u

#define LINE_BYTES 256u /* of a row on the screen */

#define HELP "The codes hold all of it: read them with a phone, or photograph them. Power: hold the button."

static struct {
    const struct screen *screen; /* NULL: none, or not yet */
    struct qr_screen codes; /* of no pages: there is no room for any */
    uint32_t said_y; /* of panic_screen_say's row */
} page;

/* One line, broken at blanks, in as many rows as it takes before `end`. Returns where the next one goes. */
static uint32_t draw_line(uint32_t y, uint32_t end, uint32_t scale, const char *text, size_t length)
{
    const struct font *font = page.screen->font;
    size_t columns = min_u64(page.screen->mode.width_pixels / (font->width_pixels * scale) - 1, LINE_BYTES - 1);
    while (length != 0 && y + font->height_pixels * scale <= end) {
        char row[LINE_BYTES];
        size_t part = min_u64(length, columns);
        while (part < length && part > columns / 2 && text[part - 1] != ' ')
            part--;
        memcpy(row, text, part);
        row[part] = '\0';
        screen_draw_text(page.screen, font->width_pixels, y, scale, row, page.screen->colours[SCREEN_BLACK]);
        y += font->height_pixels * scale;
        text += part;
        length -= part;
    }
    return y;
}

/* From the cause on, down to `end`, but for the registers, whose lines begin as no other does. */
static void draw_text(uint32_t y, uint32_t end, uint32_t large, const char *text, size_t length)
{
    for (size_t at = 0, next; at < length; at = next + 1) {
        for (next = at; next < length && text[next] != '\n';)
            next++;
        if (next - at < 3 || text[at] != ' ' || text[at + 2] == '#')
            y = draw_line(y, end, at == 0 ? large : 1, text + at, next - at);
    }
}

void panic_screen_show(const char *text, size_t length)
{
    struct screen *screen = console_screen_lend();
    if (screen == NULL)
        return;
    page.screen = screen;
    const uint32_t width = screen->mode.width_pixels;
    const uint32_t height = screen->mode.height_pixels;
    const uint32_t row = screen->font->height_pixels;
    const uint32_t large = height / row >= LARGE_ROWS_MIN ? 2 : 1;
    const uint32_t codes = qr_screen_row_pixels(screen);
    bool has_codes = codes + 2 * row < height && qr_screen_plan(&page.codes, screen, height - codes, text, length);
    page.said_y = (has_codes ? height - codes : height) - row;

    screen_fill(screen, 0, 0, width, height, screen->colours[SCREEN_WHITE]);
    screen_fill(screen, 0, 0, width, row * large, screen->colours[SCREEN_RED]);
    screen_draw_text(screen, screen->font->width_pixels, 0, large, "Keel stopped", screen->colours[SCREEN_WHITE]);
    draw_text(row * large, page.said_y - row, large, text, length);
    draw_line(page.said_y - row, page.said_y, 1, HELP, sizeof(HELP) - 1);
    if (has_codes)
        qr_screen_draw(&page.codes, 0);
}

void panic_screen_say(const char *text)
{
    const struct screen *screen = page.screen;
    if (screen == NULL)
        return;
    uint32_t row = screen->font->height_pixels;
    screen_fill(screen, 0, page.said_y, screen->mode.width_pixels, row, screen->colours[SCREEN_WHITE]);
    draw_line(page.said_y, page.said_y + row, 1, text, strlen(text));
}

void panic_screen_take_turns(void)
{
    if (page.codes.page_count < 2)
        return;
    for (uint32_t number = 1;; number = (number + 1) % page.codes.page_count) {
        time_delay_us(PAGE_US); /* interrupts are off, and nobody else is left to wake this CPU */
        qr_screen_draw(&page.codes, number);
    }
}
