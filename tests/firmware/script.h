/*
 * \keel\adversary.txt: one misbehaviour a line, NAME [ARGUMENT...], words separated by blanks; '#' starts a comment.
 * The names stand in misbehaviour.c and README.md.
 */
#ifndef KEEL_TESTS_FIRMWARE_SCRIPT_H
#define KEEL_TESTS_FIRMWARE_SCRIPT_H

#include "kernel/base/types.h"

#define SCRIPT_WORDS_MAX 6u

/* Of one line, the name first. A word that is not there is an empty one. */
struct words {
    uint32_t count;
    const char *word[SCRIPT_WORDS_MAX];
};

/* Plays every line of the text (ends with a 0; is cut into words in place). False after saying which line is wrong. */
bool script_play(char *text);

/* Decimal, or hexadecimal with 0x. False: not a number, or one of more than 64 bits. */
bool script_number(const char *word, uint64_t *value);

#endif
