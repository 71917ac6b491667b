/*
 * Cutting a text into codes, and drawing them: see qr_screen.h.
 *
 * The codes' texts, one after the other, are the text. Each ends with a line where that costs less than half of it, so
 * that what a phone shows of one code can be read by itself.
 */
#include "kernel/qr_screen.h"

#include "kernel/base/format.h"
#include "kernel/base/qr.h"

/* The shorter side of the screen, in modules: a code with its quiet zone (85) is about half of it. */
#define SCREEN_MODULES 160u

#define LABEL_BYTES 32u

static struct qr qr;

static uint32_t module_pixels(const struct screen *screen)
{
    uint32_t shorter = (uint32_t)min_u64(screen->mode.width_pixels, screen->mode.height_pixels);
    return (uint32_t)max_u64(shorter / SCREEN_MODULES, 1);
}

static uint32_t code_pixels(const struct screen *screen)
{
    return (QR_SIZE + 2 * QR_QUIET_MODULES) * module_pixels(screen);
}

uint32_t qr_screen_row_pixels(const struct screen *screen)
{
    return code_pixels(screen) + screen->font->height_pixels;
}

/* Where the code ends that begins at `from`. */
static size_t code_end(const struct qr_screen *plan, size_t from)
{
    if (plan->length - from <= QR_BYTES_MAX)
        return plan->length;
    for (size_t end = from + QR_BYTES_MAX; end > from + QR_BYTES_MAX / 2; end--)
        if (plan->text[end - 1] == '\n')
            return end;
    return from + QR_BYTES_MAX;
}

bool qr_screen_plan(struct qr_screen *plan, const struct screen *screen, uint32_t top, const char *text, size_t length)
{
    *plan = (struct qr_screen){.screen = screen, .text = text, .length = length, .top = top};
    plan->columns = screen->mode.width_pixels / code_pixels(screen);
    uint32_t height = screen->mode.height_pixels;
    plan->rows = top < height ? (height - top) / qr_screen_row_pixels(screen) : 0;
    for (size_t at = 0; at < length; at = code_end(plan, at))
        plan->code_count++;
    uint32_t per_page = plan->columns * plan->rows;
    if (per_page == 0 || length == 0)
        return false;
    plan->page_count = (plan->code_count + per_page - 1) / per_page;
    return true;
}

static void draw_code(const struct screen *screen, uint32_t left, uint32_t top)
{
    uint32_t scale = module_pixels(screen);
    for (uint32_t y = 0; y < QR_SIZE; y++)
        for (uint32_t x = 0; x < QR_SIZE; x++)
            if (qr_dark(&qr, x, y))
                screen_fill(screen, left + x * scale, top + y * scale, scale, scale, screen->colours[SCREEN_BLACK]);
}

void qr_screen_draw(const struct qr_screen *plan, uint32_t page)
{
    const struct screen *screen = plan->screen;
    const uint32_t quiet = QR_QUIET_MODULES * module_pixels(screen);
    const uint32_t per_page = plan->columns * plan->rows;
    const uint32_t gap = (screen->mode.width_pixels - plan->columns * code_pixels(screen)) / (plan->columns + 1);
    screen_fill(screen, 0, plan->top, screen->mode.width_pixels, screen->mode.height_pixels - plan->top,
                screen->colours[SCREEN_WHITE]);
    size_t at = 0;
    for (uint32_t code = 0; code < plan->code_count && code < (page + 1) * per_page; code++) {
        size_t end = code_end(plan, at);
        if (code >= page * per_page) {
            uint32_t place = code - page * per_page;
            uint32_t x = gap + place % plan->columns * (code_pixels(screen) + gap) + quiet;
            uint32_t y = plan->top + place / plan->columns * qr_screen_row_pixels(screen);
            char label[LABEL_BYTES];
            format_buffer(label, sizeof(label), "%u of %u", code + 1, plan->code_count);
            qr_encode(&qr, plan->text + at, (uint32_t)(end - at));
            draw_code(screen, x, y + quiet);
            screen_draw_text(screen, x, y + code_pixels(screen), 1, label, screen->colours[SCREEN_BLACK]);
        }
        at = end;
    }
}
