/*
 * The ring holds text lines as they are printed, each ended by '\n'; positions count bytes since the start and are
 * taken modulo the ring's size, so the oldest byte is at written - LOG_RING_BYTES.
 */
#include "kernel/log.h"

#include <stdarg.h>

#include "kernel/base/format.h"
#include "kernel/base/spinlock.h"
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/time.h"
#include "kernel/x86/interrupts.h"

/* "[   12.345678] error: " and the line's '\n'. */
#define LOG_PREFIX_MAX 40u

/* All zeros at the start, so that the ring takes no room in the image's file. */
static struct {
    struct spinlock lock;
    uint64_t written; /* bytes, ever */
    char ring[LOG_RING_BYTES];
} kept;

static enum log_level loudest = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"}; /* by enum log_level */
static const uint8_t level_colours[] = {31, 33, 0, 90}; /* red, yellow, plain, dark: terminal.h's parameters */

void log_set_level(enum log_level level)
{
    __atomic_store_n(&loudest, level, __ATOMIC_RELAXED);
}

enum status log_parse_level(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < ARRAY_COUNT(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

static void keep(const char *line, size_t size_bytes)
{
    uint64_t flags = interrupts_save_and_disable();
    /* A panic waits for nobody: who holds the lock has been stopped. */
    bool alone = console_is_panicking();
    if (!alone)
        spinlock_acquire(&kept.lock);
    for (size_t i = 0; i < size_bytes; i++)
        kept.ring[kept.written++ % LOG_RING_BYTES] = line[i];
    if (!alone)
        spinlock_release(&kept.lock);
    interrupts_restore(flags);
}

void log_write(enum log_level level, const char *format, ...)
{
    char line[LOG_PREFIX_MAX + LOG_LINE_MAX + 1];
    uint64_t now_us = time_now_us();
    size_t printed_from = format_buffer(line, LOG_PREFIX_MAX, "[%5llu.%06llu] ", (unsigned long long)(now_us / 1000000),
                                        (unsigned long long)(now_us % 1000000));
    size_t length = printed_from;
    if (level != LOG_INFO)
        length += format_buffer(line + length, LOG_PREFIX_MAX - length, "%s: ", level_names[level]);
    va_list arguments;
    va_start(arguments, format);
    length += min_u64(format_buffer_v(line + length, LOG_LINE_MAX, format, arguments), LOG_LINE_MAX - 1);
    va_end(arguments);
    line[length++] = '\n';
    /* Two locks, one after the other, never both: the ring's, then the console's. */
    keep(line, length);
    if (level <= __atomic_load_n(&loudest, __ATOMIC_RELAXED))
        console_write_coloured(level_colours[level], line + printed_from, length - printed_from);
}

/*
 * Copies the line at *position, its '\n' included, and moves on; what was overwritten in the meantime is skipped, up
 * to the next whole line. 0: no more lines.
 */
static size_t take_line(uint64_t *position, char *line, size_t capacity)
{
    size_t length = 0;
    uint64_t flags = interrupts_save_and_disable();
    spinlock_acquire(&kept.lock);
    if (kept.written > *position + LOG_RING_BYTES) {
        *position = kept.written - LOG_RING_BYTES;
        while (kept.ring[(*position)++ % LOG_RING_BYTES] != '\n')
            continue;
    }
    while (*position < kept.written && length < capacity && (length == 0 || line[length - 1] != '\n'))
        line[length++] = kept.ring[(*position)++ % LOG_RING_BYTES];
    spinlock_release(&kept.lock);
    interrupts_restore(flags);
    return length;
}

void log_print(void)
{
    char line[LOG_PREFIX_MAX + LOG_LINE_MAX + 1];
    uint64_t position = 0;
    for (size_t length; (length = take_line(&position, line, sizeof(line))) != 0;)
        console_write(line, length);
}
