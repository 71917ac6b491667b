/*
 * What a terminal sends when a key is pressed, as the key codes that a keyboard gives: arrows and the like arrive as
 * escape sequences.
 *
 * Understood: ESC [ A..D, H, F; ESC O the same; ESC [ n ~ (VT220 editing keys); ESC twice is the Escape key.
 * Every other sequence gives no key. Return gives '\n', Delete (0x7F) '\b', as keymap.h has them.
 * Rules: pure; any byte stream is safe. Source: DEC VT220 Programmer Reference Manual, 3.
 */
#ifndef KEEL_DRIVERS_ESCAPE_H
#define KEEL_DRIVERS_ESCAPE_H

#include "drivers/keymap.h"
#include "drivers/sequence.h"

struct escape {
    struct sequence sequence;
    bool after_return; /* a '\n' now belongs to the '\r' before it */
};

/* Takes one byte; returns the key that it completes, or KEY_NONE. *escape starts zeroed. */
int escape_feed(struct escape *escape, uint8_t byte);

#endif
