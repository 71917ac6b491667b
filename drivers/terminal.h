/*
 * The byte stream that a terminal understands, played on a screen: UTF-8, control characters and two VT100
 * sequences, so that the console sends the same bytes to the screen as to a serial line.
 *
 * Understood: \n (with carriage return), \r, \b, \t; ESC [ r ; c H (go to), ESC [ 2 J (clear), ESC [ n m (colours: 0,
 * 30 to 37, 90 to 97). Every other sequence is swallowed. Source: ECMA-48, 8.3; 90 to 97 are the bright colours of
 * xterm's "Control Sequences".
 */
#ifndef KEEL_DRIVERS_TERMINAL_H
#define KEEL_DRIVERS_TERMINAL_H

#include "drivers/screen.h"
#include "drivers/sequence.h"

struct terminal {
    struct screen *screen;
    struct sequence sequence;
    uint32_t code_point;  /* of the UTF-8 sequence so far */
    uint8_t utf8_missing; /* continuation bytes to come */
};

void terminal_init(struct terminal *terminal, struct screen *screen);

/* Plays one byte. The caller calls screen_flush when it has sent all it has. */
void terminal_write(struct terminal *terminal, uint8_t byte);

#endif
