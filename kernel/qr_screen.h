/*
 * A text as QR codes on the screen: as many as it takes, side by side and in rows, page after page.
 *
 *     ┌─────────────────────────────────────┐
 *     │ the caller's                        │
 *     │                                     │ top
 *     │  ┌───────┐  ┌───────┐  ┌───────┐    │      all of one size, their quiet zones included; a module is as many
 *     │  │       │  │       │  │       │    │      pixels as make 160 modules the shorter side of the screen: 5 on
 *     │  │       │  │       │  │       │    │      1280x800, 3 on 640x480, 13 on 3840x2160
 *     │  └───────┘  └───────┘  └───────┘    │
 *     │   1 of 4     2 of 4     3 of 4      │      and 4 of 4 on the next page
 *     └─────────────────────────────────────┘
 *
 * Owns: one symbol, made anew for each code. Rules: no lock, no allocation; for the monitor or a panic, one at a time.
 */
#ifndef KEEL_KERNEL_QR_SCREEN_H
#define KEEL_KERNEL_QR_SCREEN_H

#include "drivers/screen.h"
#include "kernel/base/types.h"

struct qr_screen {
    const struct screen *screen;
    const char *text;
    size_t length;
    uint32_t top; /* pixels */
    uint32_t columns;
    uint32_t rows;
    uint32_t code_count;
    uint32_t page_count;
};

/* Pixels that one row of codes takes, what stands below them included. */
uint32_t qr_screen_row_pixels(const struct screen *screen);

/* Lays `text` out from `top` down; it stays the caller's. False: not one code fits, or there is no text. */
bool qr_screen_plan(struct qr_screen *plan, const struct screen *screen, uint32_t top, const char *text, size_t length);

/* Draws a page, from 0, black on white; in between the same everywhere, above `top` nothing. */
void qr_screen_draw(const struct qr_screen *plan, uint32_t page);

#endif
