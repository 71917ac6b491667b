/*
 * Escape sequences, byte by byte: what the screen's terminal and the keys of a serial terminal have in common.
 *
 * Understood: ESC [ parameters letter (a control sequence; "letter" is any byte from 0x40 on), ESC O letter.
 * Rules: pure; any byte stream is safe. Source: ECMA-48, 5.4.
 */
#ifndef KEEL_DRIVERS_SEQUENCE_H
#define KEEL_DRIVERS_SEQUENCE_H

#include "kernel/base/types.h"

#define SEQUENCE_PARAMETERS 2u /* kept; more are read and lost */

enum sequence_state {
    SEQUENCE_OUTSIDE,
    SEQUENCE_STARTED, /* after ESC */
    SEQUENCE_CONTROL, /* after ESC [ */
    SEQUENCE_SINGLE,  /* after ESC O */
};

struct sequence {
    enum sequence_state state;
    uint32_t parameters[SEQUENCE_PARAMETERS]; /* decimal, separated by ';'; 0 where not given */
    uint32_t parameter;                       /* which one is being read */
};

enum sequence_part {
    SEQUENCE_TEXT,   /* the byte belongs to no sequence */
    SEQUENCE_MORE,   /* it does, and the sequence goes on, or was none that is understood */
    SEQUENCE_ESCAPE, /* it is ESC, and the ESC before it was not the start of a sequence */
    SEQUENCE_END,    /* it is the letter of a sequence, whose parameters are there until the next byte */
};

/* Takes one byte. *sequence starts zeroed. */
enum sequence_part sequence_feed(struct sequence *sequence, uint8_t byte);

#endif
