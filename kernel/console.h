/*
 * The console: one stream of text out, to every device that is attached.
 *
 * Owns: the early ring (text printed before a device was there is replayed to it), the serial port, and the screen.
 * Keys, those of the serial line too, are kernel/keyboard.h's. Drivers know nothing of it.
 * Rules: print is safe on any CPU, with interrupts on or off, and in interrupt handlers (interrupts are off while the
 * lock is held). After console_panic_begin no lock is taken any more. Nothing here allocates.
 */
#ifndef KEEL_KERNEL_CONSOLE_H
#define KEEL_KERNEL_CONSOLE_H

#include "drivers/screen.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* Prints; the text of one call is never mixed with another CPU's. '\n' ends a line; UTF-8 and VT100 as terminal.h. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints bytes as they are, in one piece as print does. */
void console_write(const char *text, size_t size_bytes);

/*
 * The same in a colour, which only the screen shows: a parameter of terminal.h's ESC [ n m, such as 31 for red; 0:
 * plain. What goes to the serial port stays plain text.
 */
void console_write_coloured(uint8_t colour, const char *text, size_t size_bytes);

/*
 * Names what is done next, behind what was named before, on a line of their own: a machine that stops shows where. The
 * next thing that is printed begins a new line.
 */
void console_step(const char *name);

/*
 * Finds the 16550 at `port` and prints on it too, what was said so far first; what is typed there is read with the keys
 * of keyboards. STATUS_NOT_FOUND: none there.
 */
enum status console_attach_serial(uint16_t port) MUST_CHECK;

/*
 * Bytes of memory that console_attach_screen wants at least for this mode and font. Errors as font_open and
 * screen_check.
 */
enum status console_screen_bytes(const struct screen_mode *mode, const struct font_file *font,
                                 uint64_t *size_bytes) MUST_CHECK;

/*
 * Prints on the screen too, what the early ring still has first. `memory` (8-byte aligned) stays the console's; the
 * more it is, the further one can look back. Errors as font_unpack and screen_init. After console_screen_bytes.
 */
enum status console_attach_screen(const struct screen_mode *mode, void *memory, uint64_t memory_bytes) MUST_CHECK;

/* Looks a page back (-1) or forth (1) through what was printed; 0: at its end again. */
void console_page(int direction);

/* Pixels that were painted so far, for a measurement. */
uint64_t console_painted_pixels(void);

/* Wipes what the firmware left on the screen below our text: some milliseconds, for when nothing else is to be done. */
void console_take_screen(void);

/*
 * The screen for who draws a page of his own on it, or NULL: there is none. Until it is returned, what is printed goes
 * into its cells but not onto its pixels, so nothing of it is lost and nothing paints over the page. After
 * console_panic_begin this takes no lock, as printing does not.
 */
struct screen *console_screen_lend(void);

/* The page is over: the text is painted again. */
void console_screen_return(void);

/*
 * What is printed is put into `copy` too, or with `only` there instead, until another one is set, which may be NULL, or
 * a panic begins. It stays the caller's.
 */
struct console_copy {
    char *text;
    size_t capacity;
    size_t length; /* of all that was printed; what is beyond the capacity is not in the text. Starts as 0 */
    bool only;
};
void console_set_copy(struct console_copy *copy);

/* From here on printing takes no lock. For the panicking CPU, when it has stopped the others; again does no harm. */
void console_panic_begin(void);
bool console_is_panicking(void);

#endif
