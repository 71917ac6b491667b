/*
 * The byte stream that a terminal understands, played on a screen: UTF-8, control characters and a few VT100
 * sequences, so that the console sends the same bytes to the screen as to a serial line.
 *
 * Understood: \n (with carriage return), \r, \b, \t; ESC [ n A/B/C/D (move), ESC [ r ; c H (go to), ESC [ J (with 2:
 * clear), ESC [ K (erase to the end of the line; 2: all of it), ESC [ ... m (0, 1, 22, 30-37, 39, 40-47, 49, 90-97).
 * Every other sequence is swallowed. Source: ECMA-48, 8.3.
 */
#ifndef KEEL_DRIVERS_TERMINAL_H
#define KEEL_DRIVERS_TERMINAL_H

#include "drivers/screen.h"

#define TERMINAL_PARAMETERS_MAX 4u

enum terminal_state {
    TERMINAL_TEXT,
    TERMINAL_ESCAPE,  /* after ESC */
    TERMINAL_CONTROL, /* after ESC [ */
};

struct terminal {
    struct screen *screen;
    enum terminal_state state;
    uint32_t code_point;     /* of the UTF-8 sequence so far */
    uint8_t utf8_missing;    /* continuation bytes to come */
    uint8_t parameter_count; /* index of the parameter being read */
    uint32_t parameters[TERMINAL_PARAMETERS_MAX];
    bool bold;
};

void terminal_init(struct terminal *terminal, struct screen *screen);

/* Plays one byte. The caller calls screen_flush when it has sent all it has. */
void terminal_write(struct terminal *terminal, uint8_t byte);

#endif
