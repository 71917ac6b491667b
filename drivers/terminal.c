/*
 * Decoding for a screen: terminal.h has the list of what is understood.
 *
 *     byte --> sequence.c --text--> UTF-8 --> a code point, or a control character --> screen.c
 *                        '--end---> go to, clear, colours
 *
 * The input is not only ours: a person's keys are echoed, and firmware's texts printed. Malformed UTF-8 costs a '?',
 * never the rest of the line.
 */
#include "drivers/terminal.h"

#define TAB_COLUMNS 8u
#define REPLACEMENT '?'
#define ERASE_ALL   2u

void terminal_init(struct terminal *terminal, struct screen *screen)
{
    *terminal = (struct terminal){.screen = screen};
    screen->ink = SCREEN_CELL_INK(SCREEN_GREY); /* whatever colour a panic has interrupted */
}

/* C0 control characters (ECMA-48, 5.2); others than these do nothing. */
static void terminal_control(struct screen *screen, uint8_t byte)
{
    if (byte == '\n')
        screen_newline(screen);
    else if (byte == '\r')
        screen_move(screen, 0, screen->row);
    else if (byte == '\b' && screen->column != 0)
        screen_move(screen, screen->column - 1, screen->row);
    else if (byte == '\t')
        /* screen_move clamps: at the right edge a tab stays in the last column, as a VT100 does. */
        screen_move(screen, (screen->column / TAB_COLUMNS + 1) * TAB_COLUMNS, screen->row);
}

/* UTF-8 (RFC 3629, 3): a lead byte says how many bytes follow. */
static void terminal_text(struct terminal *terminal, uint8_t byte)
{
    if (byte >= 0xC0) {
        terminal->utf8_missing = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
        terminal->code_point = byte & (0x3Fu >> terminal->utf8_missing);
    } else if (byte >= 0x80 && terminal->utf8_missing != 0) {
        terminal->code_point = terminal->code_point << 6 | (byte & 0x3Fu);
        if (--terminal->utf8_missing == 0)
            screen_put(terminal->screen, terminal->code_point);
    } else if (byte >= 0x80) {
        screen_put(terminal->screen, REPLACEMENT);
    } else if (byte >= 0x20 && byte != 0x7F) {
        screen_put(terminal->screen, byte);
    } else {
        terminal_control(terminal->screen, byte);
    }
}

/* SGR (ECMA-48, 8.3.117): what colour the next characters have. */
static void terminal_colour(struct screen *screen, uint32_t parameter)
{
    if (parameter == 0)
        screen->ink = SCREEN_CELL_INK(SCREEN_GREY);
    else if (parameter - 30 < SCREEN_BRIGHT) /* below 30 it wraps, here and in the next line */
        screen->ink = SCREEN_CELL_INK(parameter - 30);
    else if (parameter - 90 < SCREEN_BRIGHT)
        screen->ink = SCREEN_CELL_INK(SCREEN_BRIGHT + parameter - 90);
}

static void terminal_run_sequence(struct screen *screen, uint8_t letter, const uint32_t parameters[2])
{
    if (letter == 'H') /* rows and columns count from 1, and 0 means 1 */
        screen_move(screen, parameters[1] - (parameters[1] != 0), parameters[0] - (parameters[0] != 0));
    else if (letter == 'J' && parameters[0] == ERASE_ALL)
        screen_clear(screen);
    else if (letter == 'm')
        terminal_colour(screen, parameters[0]);
}

void terminal_write(struct terminal *terminal, uint8_t byte)
{
    /* Whoever looks back at older rows sees the newest again when there is something new. */
    if (terminal->screen->back != 0)
        screen_look_back(terminal->screen, 0);
    if (terminal->utf8_missing != 0 && (byte & 0xC0) != 0x80) { /* a byte should follow and does not */
        terminal->utf8_missing = 0;
        screen_put(terminal->screen, REPLACEMENT);
    }
    enum sequence_part part = sequence_feed(&terminal->sequence, byte);
    if (part == SEQUENCE_TEXT)
        terminal_text(terminal, byte);
    else if (part == SEQUENCE_END)
        terminal_run_sequence(terminal->screen, byte, terminal->sequence.parameters);
}
