/*
 * Out: print -> early ring, serial port, screen, under one lock. In: devices -> decoder -> ring of keys, under another,
 * so that an interrupt handler never waits for somebody who prints.
 */
#include "kernel/console.h"

#include "drivers/escape.h"
#include "drivers/font.h"
#include "drivers/i8042.h"
#include "drivers/serial.h"
#include "drivers/terminal.h"
#include "kernel/base/format.h"
#include "kernel/base/spinlock.h"
#include "kernel/log.h"
#include "kernel/x86/interrupts.h"

#define EARLY_RING_BYTES 8192u /* what is said before the screen is there is about 3 KiB */
#define KEY_RING_COUNT   64u

/* Bytes that one interrupt or poll takes from a device at most: a device that never runs dry does not hold the CPU. */
#define INPUT_BURST_MAX 256u

static struct {
    struct spinlock lock;
    bool panicking;
    bool has_screen;
    struct serial serial; /* its `present` says whether it is attached */
    struct screen screen;
    struct terminal terminal;
    struct font font;
    uint64_t early_written; /* bytes, ever */
    char early[EARLY_RING_BYTES];
} console;

static struct {
    struct spinlock lock;
    bool has_keyboard;
    struct escape escape; /* of the serial port */
    struct keymap keymap;
    uint32_t written; /* keys, ever; both wrap together */
    uint32_t read;
    int keys[KEY_RING_COUNT];
} input;

static uint64_t console_lock(void)
{
    uint64_t flags = interrupts_save_and_disable();
    if (!console.panicking)
        spinlock_acquire(&console.lock);
    return flags;
}

static void console_unlock(uint64_t flags)
{
    if (!console.panicking)
        spinlock_release(&console.lock);
    interrupts_restore(flags);
}

static void console_put_serial(char c)
{
    if (c == '\n')
        serial_write(&console.serial, '\r');
    serial_write(&console.serial, (uint8_t)c);
}

static void console_put(void *context, char c)
{
    (void)context;
    console.early[console.early_written++ % EARLY_RING_BYTES] = c;
    console_put_serial(c);
    if (console.has_screen)
        terminal_write(&console.terminal, (uint8_t)c);
}

static void console_flush(void)
{
    if (console.has_screen)
        screen_flush(&console.screen);
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    uint64_t flags = console_lock();
    format_to(console_put, NULL, format, arguments);
    console_flush();
    console_unlock(flags);
    va_end(arguments);
}

void console_write(const char *text, size_t size_bytes)
{
    uint64_t flags = console_lock();
    for (size_t i = 0; i < size_bytes; i++)
        console_put(NULL, text[i]);
    console_flush();
    console_unlock(flags);
}

/* What the early ring still has, oldest first. */
static void console_replay(void (*put)(char c))
{
    uint64_t first = console.early_written > EARLY_RING_BYTES ? console.early_written - EARLY_RING_BYTES : 0;
    for (uint64_t i = first; i < console.early_written; i++)
        put(console.early[i % EARLY_RING_BYTES]);
}

enum status console_attach_serial(uint16_t port)
{
    uint64_t flags = console_lock();
    enum status status = serial_init(&console.serial, port);
    if (status == STATUS_OK)
        console_replay(console_put_serial);
    console_unlock(flags);
    return status;
}

static enum status console_load_font(void)
{
    if (console.font.glyphs != NULL)
        return STATUS_OK;
    return font_parse(&console.font, font_8x16_start, (uint64_t)(font_8x16_end - font_8x16_start));
}

enum status console_screen_bytes(const struct screen_mode *mode, uint64_t *size_bytes)
{
    enum status status = console_load_font();
    if (status == STATUS_OK)
        status = screen_check(mode, &console.font);
    if (status == STATUS_OK)
        *size_bytes = screen_cells_bytes(mode, &console.font);
    return status;
}

static void console_put_terminal(char c)
{
    terminal_write(&console.terminal, (uint8_t)c);
}

enum status console_attach_screen(const struct screen_mode *mode, void *cells, uint64_t cells_bytes)
{
    enum status status = console_load_font();
    if (status != STATUS_OK)
        return status;
    uint64_t flags = console_lock();
    status = screen_init(&console.screen, mode, &console.font, cells, cells_bytes);
    if (status == STATUS_OK) {
        terminal_init(&console.terminal, &console.screen);
        console_replay(console_put_terminal);
        console.has_screen = true;
        console_flush();
    }
    console_unlock(flags);
    return status;
}

enum status console_attach_keyboard(void)
{
    keymap_init(&input.keymap, &keymap_us);
    enum status status = i8042_init();
    input.has_keyboard = status == STATUS_OK;
    return status;
}

static uint64_t input_lock(void)
{
    uint64_t flags = interrupts_save_and_disable();
    spinlock_acquire(&input.lock);
    return flags;
}

static void input_unlock(uint64_t flags)
{
    spinlock_release(&input.lock);
    interrupts_restore(flags);
}

static bool input_has_room(void)
{
    return input.written - input.read < KEY_RING_COUNT;
}

static void input_push(int key)
{
    if (key != KEY_NONE && input_has_room())
        input.keys[input.written++ % KEY_RING_COUNT] = key;
}

/*
 * A full ring leaves bytes in the devices, which hold their senders back; console_read_key fetches them when it has
 * emptied the ring, so a long paste loses nothing although no further edge of the interrupt comes.
 */
static void input_take_serial(void)
{
    uint8_t byte;
    for (uint32_t i = 0; i < INPUT_BURST_MAX && input_has_room() && serial_read(&console.serial, &byte); i++)
        input_push(escape_feed(&input.escape, byte));
}

static void input_take_keyboard(void)
{
    uint8_t scan_code;
    for (uint32_t i = 0; i < INPUT_BURST_MAX && input.has_keyboard && input_has_room() && i8042_read(&scan_code); i++)
        input_push(keymap_feed(&input.keymap, scan_code));
}

void console_input(int key)
{
    uint64_t flags = input_lock();
    input_push(key);
    input_unlock(flags);
}

void console_serial_interrupt(void *context)
{
    (void)context;
    uint64_t flags = input_lock();
    input_take_serial();
    input_unlock(flags);
}

void console_keyboard_interrupt(void *context)
{
    (void)context;
    uint64_t flags = input_lock();
    input_take_keyboard();
    input_unlock(flags);
}

void console_poll(void)
{
    uint64_t flags = input_lock();
    input_take_serial();
    input_take_keyboard();
    input_unlock(flags);
}

int console_read_key(void)
{
    int key = KEY_NONE;
    uint64_t flags = input_lock();
    if (input.written == input.read) {
        input_take_serial();
        input_take_keyboard();
    }
    if (input.written != input.read)
        key = input.keys[input.read++ % KEY_RING_COUNT];
    input_unlock(flags);
    return key;
}

void console_enable_interrupts(void)
{
    uint64_t flags = console_lock();
    serial_enable_receive_interrupt(&console.serial);
    console_unlock(flags);
}

void console_panic_begin(void)
{
    console.panicking = true;
    log_panic_begin();
    console.serial.fifo_room = 0; /* whatever was half done: ask the chip again */
    if (console.has_screen)
        terminal_init(&console.terminal, &console.screen);
}
