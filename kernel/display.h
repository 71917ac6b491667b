/*
 * The firmware's frame buffer as a console: checked, mapped write-combining, with the font that suits its size.
 */
#ifndef KEEL_KERNEL_DISPLAY_H
#define KEEL_KERNEL_DISPLAY_H

#include "kernel/base/mark.h"
#include "kernel/base/range.h"

/*
 * Until there is text: draws a mark, by the 1:1 mapping of boot/'s page tables, if that is known to work. After
 * memory_accept, before memory_start.
 */
void display_mark(enum mark mark);

/* A step of kernel/main.c. What is missing or wrong is logged and done without. */
void display_start(void);

/* The pixels' physical range; empty: no screen. */
struct prange display_range(void);

/* The monitor's `screen`: mode, font, and how the CPU caches the pixels. */
void command_screen(void);

#endif
