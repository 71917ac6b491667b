/*
 * The line editor of the monitor: keys in, text out, one finished line at a time.
 *
 * Owns: struct line: the line that is being edited, what of it stands on the screen, and the lines entered before.
 * Rules: pure, so that the host tests type at it. It draws with nothing but printable characters, '\b' (the cursor goes
 * one to the left and erases nothing), '\r', '\n', '\a' for a refusal and '\f' (clear the screen), which every console
 * understands: no escape sequences. A line longer than the columns below scrolls sideways, because '\b' does not
 * go back over the edge of a terminal.
 *
 *     keel> |the part of the text in view, LINE_COLUMNS wide|
 *            ^ first              ^ cursor
 */
#ifndef KEEL_KERNEL_LINE_H
#define KEEL_KERNEL_LINE_H

#include "kernel/base/types.h"

#define LINE_BYTES   256u /* of a line, with its terminator */
#define LINE_COLUMNS 72u  /* in view behind the prompt: both fit 80 columns */
#define LINE_HISTORY 16u  /* lines kept */

enum line_event {
    LINE_EDITING,   /* nothing to do yet */
    LINE_ENTERED,   /* line->text is complete; valid until the next line_begin */
    LINE_CANCELLED, /* ^C: the text is gone */
};

typedef void line_output(void *context, char c);

struct line {
    line_output *output;
    void *context;
    const char *prompt;

    char text[LINE_BYTES];
    uint32_t length;
    uint32_t cursor;

    uint32_t first;  /* the character in the first column in view */
    uint32_t column; /* where the console's cursor stands, from the prompt's end */
    uint32_t shown;  /* columns that hold a character of ours */

    char history[LINE_HISTORY][LINE_BYTES]; /* a ring */
    uint32_t history_count;                 /* lines ever remembered */
    uint32_t history_back;                  /* how far back the line in view is; 0: the line that is being typed */
    char draft[LINE_BYTES];                 /* the line that was being typed when history came into view */
};

/* Once. `prompt` and `context` stay the caller's and must live as long as *line. */
void line_init(struct line *line, const char *prompt, line_output *output, void *context);

/* Prints the prompt and starts an empty line. */
void line_begin(struct line *line);

/* Prints the prompt and the line again, at the start of a screen line: something else was printed in between. */
void line_show(struct line *line);

/*
 * One key, as drivers/keymap.h numbers them. Keys that mean nothing here, characters beyond ASCII, and those for
 * which there is no room are refused with '\a'. LINE_ENTERED leaves the cursor at the start of the next screen line.
 */
enum line_event line_key(struct line *line, int key);

#endif
