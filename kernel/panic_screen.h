/*
 * A panic on the screen: large, readable on a photograph, and in QR codes.
 *
 *     ┌──────────────────────────────────────────────┐
 *     │ Keel stopped                                 │  white on red
 *     │ page fault in fault_page+0xb: write to       │  the panic's first line, in large letters
 *     │ 0x000000000dead000: page not present         │
 *     │ cpu 0 of 4, apic id 0, tsc 18292219999       │  the rest of it, as far as there is room, without
 *     │ backtrace:                                   │  registers: those are in the codes
 *     │   #0 0xffffffff800016c6 fault_page+0xb       │
 *     │ what to do, and whether it was saved         │
 *     │  ┌────┐  ┌────┐  ┌────┐                      │  all of the text; those that do not fit beside each other
 *     │  └────┘  └────┘  └────┘                      │  take turns
 *     └──────────────────────────────────────────────┘
 *
 * Rules: those of a panic: no lock, no allocation, no key. What firmware or console showed before is painted over.
 */
#ifndef KEEL_KERNEL_PANIC_SCREEN_H
#define KEEL_KERNEL_PANIC_SCREEN_H

#include "kernel/base/types.h"

/* Draws it all; the text stays the caller's. Without a screen this, as the others here, does nothing. */
void panic_screen_show(const char *text, size_t length);

/* Replaces the line that says whether the text was saved. */
void panic_screen_say(const char *text);

/* Shows the codes page after page for ever. Returns when one page is all. */
void panic_screen_take_turns(void);

#endif
