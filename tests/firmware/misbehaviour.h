/* The names that a script may use, and what each does. README.md describes them for people; misbehaviour.c lists them.
 */
#ifndef KEEL_TESTS_FIRMWARE_MISBEHAVIOUR_H
#define KEEL_TESTS_FIRMWARE_MISBEHAVIOUR_H

#include "tests/firmware/script.h"

/* One line of the script, which has at least a name. False: unknown, or its arguments make no sense. */
bool misbehaviour_play(const struct words *words);

#endif
