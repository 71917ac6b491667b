/*
 * When each phase of the boot ended, in raw TSC, from the first instruction of boot/ to `keel: ready`.
 *
 * Owns: the marks. Rules: the boot CPU marks; names are constant strings.
 */
#ifndef KEEL_KERNEL_TIMELINE_H
#define KEEL_KERNEL_TIMELINE_H

#include "kernel/base/types.h"

/* More phases than boot/ and main.c have; one more is a bug (CHECK). */
#define TIMELINE_MARKS_MAX 24u

/* The phase `name` ends now. */
void timeline_mark(const char *name);

/* The boot is over: prints "keel: ready cpus=N boot_us=N". */
void timeline_ready(void);

/* Prints a line for each phase (TSC ticks and microseconds) and, last, "boot: exit_to_ready_tsc=N". */
void timeline_print(void);

#endif
