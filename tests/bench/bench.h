/* What the bench's files share: a measured row, and the parts of which `bench count` and `bench time` are made. */
#ifndef KEEL_TESTS_BENCH_BENCH_H
#define KEEL_TESTS_BENCH_BENCH_H

#include <stdint.h>

#define BLOCK_ORDER 9u /* 2 MiB */

/* Prints the line that names the row, and calls measure(function). */
void bench_row(const char *name, const char *subject, void (*function)(void), uint64_t operations);

/* The heap's rows for `bench count`. */
void bench_heap(void);

/* `bench time`: one line for each figure, "NAME SUBJECT VALUE". */
void bench_recovery(void);
void bench_times(void);

#endif
