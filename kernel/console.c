/*
 * Out: print -> early ring, serial port, screen, under one lock. In: what is typed on the serial line joins the keys of
 * kernel/keyboard.c, without that lock, so that an interrupt handler never waits for somebody who prints.
 *
 *     print ---> format_to ---> put ---> early[] (replayed to a device that comes later)
 *                                  |---> serial.c          \n as \r\n; no colours
 *                                  '---> terminal.c -> screen.c, flushed once at the end of the call
 *
 *     serial.c -> escape.c ---> keyboard.c
 *
 * Rules: interrupts are off while the lock is held, because handlers print too. Two devices get the same text, so that
 * what a person sees on the screen is what a test reads from the port.
 */
#include "kernel/console.h"

#include "drivers/escape.h"
#include "drivers/font.h"
#include "drivers/serial.h"
#include "drivers/terminal.h"
#include "kernel/base/format.h"
#include "kernel/base/spinlock.h"
#include "kernel/base/string.h"
#include "kernel/keyboard.h"
#include "kernel/x86/interrupts.h"

#define EARLY_RING_BYTES 8192u /* a panic's text and a screenful of warnings; the oldest bytes go first */
#define BANNER_BYTES     80u
#define ESCAPE           '\033'

static struct {
    struct spinlock lock;
    bool panicking;
    bool has_screen;
    bool is_lent;         /* somebody else draws on the screen */
    bool in_steps;        /* the line of console_step is open */
    struct console_copy *copy; /* NULL: none is made */
    struct serial serial; /* its `present` says whether it is attached */
    struct screen screen;
    struct terminal terminal;
    struct font font;
    uint64_t early_written; /* bytes, ever */
    char early[EARLY_RING_BYTES];
} console;

/* A panic may have interrupted who holds the lock, and has stopped all others: it takes none. */
static uint64_t lock(void)
{
    uint64_t flags = interrupts_save_and_disable();
    if (!console.panicking)
        spinlock_acquire(&console.lock);
    return flags;
}

static void unlock(uint64_t flags)
{
    if (!console.panicking)
        spinlock_release(&console.lock);
    interrupts_restore(flags);
}

/* ---- Out ---- */

static void put_serial(char c)
{
    if (c == '\n')
        serial_write(&console.serial, '\r');
    serial_write(&console.serial, (uint8_t)c);
}

static void put_screen(char c)
{
    terminal_write(&console.terminal, (uint8_t)c);
}

/* The ring never stops: a device may be attached at any time, and is told what fits. */
static void put_early_and_screen(char c)
{
    console.early[console.early_written++ % EARLY_RING_BYTES] = c;
    if (console.has_screen)
        put_screen(c);
}

/* True: the copy is all that is wanted. */
static bool put_copy(char c)
{
    struct console_copy *copy = console.copy;
    if (copy != NULL && copy->length++ < copy->capacity)
        copy->text[copy->length - 1] = c;
    return copy != NULL && copy->only;
}

static void put(void *unused, char c)
{
    if (put_copy(c))
        return;
    if (console.in_steps) {
        console.in_steps = false;
        console.screen.cursor_hidden = false;
        put(unused, '\n');
    }
    put_early_and_screen(c);
    put_serial(c);
}

static void put_text(const char *text, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        put(NULL, text[i]);
}

static void put_colour(uint8_t colour)
{
    char sequence[8];
    format_buffer(sequence, sizeof(sequence), "%c[%um", ESCAPE, colour);
    for (const char *at = sequence; *at != '\0'; at++)
        put_early_and_screen(*at);
}

static void finish_painting(void)
{
    if (console.has_screen && !console.is_lent)
        screen_flush(&console.screen);
}

static void finish(uint64_t flags)
{
    /* Once a call, not once a character: cells that are written twice in between are painted once. */
    finish_painting();
    unlock(flags);
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    uint64_t flags = lock();
    format_to(put, NULL, format, arguments);
    finish(flags);
    va_end(arguments);
}

void console_write(const char *text, size_t size_bytes)
{
    console_write_coloured(0, text, size_bytes);
}

void console_write_coloured(uint8_t colour, const char *text, size_t size_bytes)
{
    uint64_t flags = lock();
    if (colour != 0)
        put_colour(colour);
    put_text(text, size_bytes);
    if (colour != 0)
        put_colour(0);
    finish(flags);
}

void console_step(const char *name)
{
    uint64_t flags = lock();
    /* Blanks and no cursor: the cells of a name are all that each of the boot's steps pays for. */
    const char *before = console.in_steps ? "  " : "steps: ";
    console.in_steps = false;
    put_text(before, strlen(before));
    put_text(name, strlen(name));
    console.in_steps = true;
    console.screen.cursor_hidden = true;
    finish(flags);
}

/* What the early ring still has, oldest first. */
static void replay(void (*put_one)(char c))
{
    for (uint64_t left = min_u64(console.early_written, EARLY_RING_BYTES); left > 0; left--)
        put_one(console.early[(console.early_written - left) % EARLY_RING_BYTES]);
}

static bool take_typed(struct keyboard *line)
{
    (void)line;
    static struct escape escape;
    uint8_t byte;
    if (!serial_read(&console.serial, &byte))
        return false;
    keyboard_type(escape_feed(&escape, byte));
    return true;
}

enum status console_attach_serial(uint16_t port)
{
    static struct keyboard line = {.poll = take_typed};
    uint64_t flags = lock();
    enum status status = serial_init(&console.serial, port);
    serial_enable_receive_interrupt(&console.serial); /* nothing is delivered before machine_start_interrupts */
    if (status == STATUS_OK) {
        replay(put_serial); /* it comes first, before there is anything in colour */
        keyboard_add(&line);
    }
    unlock(flags);
    return status;
}

enum status console_screen_bytes(const struct screen_mode *mode, const struct font_file *font, uint64_t *size_bytes)
{
    enum status status = font_open(&console.font, font->start, (uint64_t)(font->end - font->start));
    if (status == STATUS_OK)
        status = screen_check(mode, &console.font);
    if (status == STATUS_OK)
        *size_bytes = align_up(font_bytes(&console.font), sizeof(uint64_t)) + screen_cells_bytes(mode, &console.font);
    return status;
}

enum status console_attach_screen(const struct screen_mode *mode, void *memory, uint64_t memory_bytes)
{
    uint64_t glyphs_bytes = align_up(font_bytes(&console.font), sizeof(uint64_t));
    uint64_t flags = lock();
    enum status status = font_unpack(&console.font, memory);
    if (status == STATUS_OK)
        status = screen_init(&console.screen, mode, &console.font, (uint8_t *)memory + glyphs_bytes,
                             memory_bytes - glyphs_bytes);
    if (status == STATUS_OK) {
        terminal_init(&console.terminal, &console.screen);
        replay(put_screen);
        console.has_screen = true;
    }
    finish(flags);
    return status;
}

static void draw_banner(void)
{
    char text[BANNER_BYTES];
    format_buffer(text, sizeof(text), " %u of %u rows back; Page Down goes on, any other key to the end",
                  console.screen.back, console.screen.history);
    screen_banner(&console.screen, text);
}

void console_page(int direction)
{
    uint64_t flags = lock();
    struct screen *screen = &console.screen;
    uint32_t back = screen->back;
    uint32_t page = screen->rows - 1; /* the banner has the last one */
    if (console.has_screen && (direction < 0 || back != 0)) {
        uint32_t forth = direction == 0 || back < page ? 0 : back - page;
        screen_look_back(screen, direction < 0 ? back + page : forth);
        finish_painting();
        if (screen->back != 0 && !console.is_lent)
            draw_banner();
    }
    unlock(flags);
}

void console_take_screen(void)
{
    /* A row at a time: with interrupts off for all of them a serial port's FIFO would run over. No screen, no rows. */
    for (uint32_t end = 1; end <= console.screen.rows; end++) {
        uint64_t flags = lock();
        if (!console.is_lent)
            screen_take_rows(&console.screen, end);
        unlock(flags);
    }
}

uint64_t console_painted_pixels(void)
{
    return console.screen.painted_pixels;
}

struct screen *console_screen_lend(void)
{
    uint64_t flags = lock();
    console.is_lent = console.has_screen;
    unlock(flags);
    return console.has_screen ? &console.screen : NULL;
}

void console_screen_return(void)
{
    uint64_t flags = lock();
    console.is_lent = false;
    if (console.has_screen)
        screen_repaint(&console.screen);
    unlock(flags);
}

void console_set_copy(struct console_copy *copy)
{
    uint64_t flags = lock();
    console.copy = copy;
    unlock(flags);
}

bool console_is_panicking(void)
{
    return console.panicking;
}

void console_panic_begin(void)
{
    /* Whoever holds the lock has been stopped, perhaps for ever: waiting for it would be the last thing that we do. */
    console.panicking = true;
    console.copy = NULL;
    console.serial.fifo_room = 0; /* whatever was half done: ask the chip again */
    if (console.has_screen)
        terminal_init(&console.terminal, &console.screen);
}
