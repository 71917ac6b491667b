/*
 * Words of a command line: separated by blanks; a word may hold blanks between double quotes, which may stand anywhere
 * in it, as in a shell: run="a b" and "run=a b" are the same.
 *
 *     run="mem; cpus" log=debug      text
 *     run=mem; cpus.. log=debug      word_next: the quote closed up, a terminator at the first dot
 *     '-- word ----'  '-- *rest
 */
#ifndef KEEL_BASE_WORD_H
#define KEEL_BASE_WORD_H

#include "kernel/base/types.h"

/*
 * Cuts the next word off *rest, in place and without its quotes; NULL when there is none. *open: it ends inside a
 * quote, so all the rest of the line is in it.
 */
char *word_next(char **rest, bool *open);

#endif
