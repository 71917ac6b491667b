/* Decoding for a screen: terminal.h has the list of what is understood. */
#include "drivers/terminal.h"

#define ESCAPE             0x1Bu
#define TAB_COLUMNS        8u
#define PARAMETER_MAX      9999u
#define REPLACEMENT        '?'
#define DEFAULT_FOREGROUND SCREEN_WHITE
#define DEFAULT_BACKGROUND SCREEN_BLACK
#define ERASE_ALL          2u

void terminal_init(struct terminal *terminal, struct screen *screen)
{
    *terminal = (struct terminal){.screen = screen};
}

static void terminal_tab(struct screen *screen)
{
    uint32_t next = (screen->column / TAB_COLUMNS + 1) * TAB_COLUMNS;
    screen_move(screen, next, screen->row);
}

/* C0 control characters (ECMA-48, 5.2); others than these do nothing. */
static void terminal_control(struct terminal *terminal, uint8_t byte)
{
    struct screen *screen = terminal->screen;
    switch (byte) {
    case '\n':
        screen_newline(screen);
        break;
    case '\r':
        screen_move(screen, 0, screen->row);
        break;
    case '\b':
        screen_move(screen, screen->column == 0 ? 0 : screen->column - 1, screen->row);
        break;
    case '\t':
        terminal_tab(screen);
        break;
    case ESCAPE:
        terminal->state = TERMINAL_ESCAPE;
        break;
    default:
        break;
    }
}

/* UTF-8 (RFC 3629, 3): a lead byte says how many bytes follow; one that should follow and does not prints '?'. */
static void terminal_text(struct terminal *terminal, uint8_t byte)
{
    bool continuation = (byte & 0xC0) == 0x80;
    if (terminal->utf8_missing != 0 && continuation) {
        terminal->code_point = terminal->code_point << 6 | (byte & 0x3Fu);
        if (--terminal->utf8_missing == 0)
            screen_put(terminal->screen, terminal->code_point);
        return;
    }
    if (terminal->utf8_missing != 0 || continuation) {
        terminal->utf8_missing = 0;
        screen_put(terminal->screen, REPLACEMENT);
    }
    if (continuation)
        return;
    if (byte < 0x20 || byte == 0x7F) {
        terminal_control(terminal, byte);
    } else if (byte < 0x80) {
        screen_put(terminal->screen, byte);
    } else {
        terminal->utf8_missing = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
        terminal->code_point = byte & (0x3Fu >> terminal->utf8_missing);
    }
}

static void terminal_escape(struct terminal *terminal, uint8_t byte)
{
    terminal->state = byte == '[' ? TERMINAL_CONTROL : TERMINAL_TEXT;
    terminal->parameter_count = 0;
    for (uint32_t i = 0; i < TERMINAL_PARAMETERS_MAX; i++)
        terminal->parameters[i] = 0;
}

/* SELECT GRAPHIC RENDITION (ECMA-48, 8.3.117): one parameter. */
static void terminal_rendition(struct terminal *terminal, uint32_t parameter)
{
    struct screen *screen = terminal->screen;
    uint8_t foreground = screen->foreground;
    uint8_t background = screen->background;
    uint8_t brightness = terminal->bold ? SCREEN_BRIGHT : 0;
    if (parameter == 0) {
        terminal->bold = false;
        foreground = DEFAULT_FOREGROUND;
        background = DEFAULT_BACKGROUND;
    } else if (parameter == 1) {
        terminal->bold = true;
        foreground |= SCREEN_BRIGHT;
    } else if (parameter == 22) {
        terminal->bold = false;
        foreground &= SCREEN_BRIGHT - 1;
    } else if (parameter >= 30 && parameter <= 37) {
        foreground = (uint8_t)(parameter - 30 + brightness);
    } else if (parameter == 39) {
        foreground = (uint8_t)(DEFAULT_FOREGROUND + brightness);
    } else if (parameter >= 40 && parameter <= 47) {
        background = (uint8_t)(parameter - 40);
    } else if (parameter == 49) {
        background = DEFAULT_BACKGROUND;
    } else if (parameter >= 90 && parameter <= 97) {
        foreground = (uint8_t)(parameter - 90 + SCREEN_BRIGHT);
    }
    screen_set_colours(screen, foreground, background);
}

static void terminal_erase_line(struct screen *screen, uint32_t parameter)
{
    screen_erase(screen, parameter == ERASE_ALL ? 0 : screen->column, screen->columns);
}

/* Cursor movement stops at the edges: screen_move clamps high values, these clamp at 0. */
static void terminal_move_by(struct screen *screen, uint8_t direction, uint32_t count)
{
    uint32_t column = screen->column;
    uint32_t row = screen->row;
    if (direction == 'A')
        row = row > count ? row - count : 0;
    else if (direction == 'B')
        row += count;
    else if (direction == 'C')
        column += count;
    else
        column = column > count ? column - count : 0;
    screen_move(screen, column, row);
}

static void terminal_run_sequence(struct terminal *terminal, uint8_t final)
{
    struct screen *screen = terminal->screen;
    const uint32_t *parameters = terminal->parameters;
    uint32_t count = parameters[0] == 0 ? 1 : parameters[0];
    switch (final) {
    case 'A':
    case 'B':
    case 'C':
    case 'D':
        terminal_move_by(screen, final, count);
        break;
    case 'H':
        screen_move(screen, parameters[1] == 0 ? 0 : parameters[1] - 1, count - 1);
        break;
    case 'J':
        if (parameters[0] == ERASE_ALL)
            screen_clear(screen);
        break;
    case 'K':
        terminal_erase_line(screen, parameters[0]);
        break;
    case 'm':
        for (uint32_t i = 0; i <= terminal->parameter_count; i++)
            terminal_rendition(terminal, parameters[i]);
        break;
    default:
        break;
    }
}

/* Parameters are decimal, separated by ';'; a byte from 0x40 on ends the sequence (ECMA-48, 5.4). */
static void terminal_sequence(struct terminal *terminal, uint8_t byte)
{
    uint32_t *parameter = &terminal->parameters[terminal->parameter_count];
    if (byte >= '0' && byte <= '9') {
        uint32_t value = *parameter * 10 + (byte - '0');
        *parameter = value < PARAMETER_MAX ? value : PARAMETER_MAX;
    } else if (byte == ';') {
        if (terminal->parameter_count + 1u < TERMINAL_PARAMETERS_MAX)
            terminal->parameter_count++;
    } else if (byte >= 0x40) {
        terminal->state = TERMINAL_TEXT;
        terminal_run_sequence(terminal, byte);
    }
}

void terminal_write(struct terminal *terminal, uint8_t byte)
{
    switch (terminal->state) {
    case TERMINAL_TEXT:
        terminal_text(terminal, byte);
        break;
    case TERMINAL_ESCAPE:
        terminal_escape(terminal, byte);
        break;
    case TERMINAL_CONTROL:
        terminal_sequence(terminal, byte);
        break;
    }
}
