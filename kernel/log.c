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

static struct {
    struct spinlock lock;
    bool panicking;
    uint64_t written; /* bytes, ever */
    char ring[LOG_RING_BYTES];
} log_state; /* all zeros at the start, so that the ring takes no room in the image's file */

static enum log_level log_loudest = LOG_INFO;

static const char *const log_level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
    __atomic_store_n(&log_loudest, level, __ATOMIC_RELAXED);
}

enum status log_parse_level(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < ARRAY_COUNT(log_level_names); i++) {
        if (strcmp(name, log_level_names[i]) == 0) {
            *level = (enum log_level)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

static uint64_t log_lock(void)
{
    uint64_t flags = interrupts_save_and_disable();
    if (!log_state.panicking)
        spinlock_acquire(&log_state.lock);
    return flags;
}

static void log_unlock(uint64_t flags)
{
    if (!log_state.panicking)
        spinlock_release(&log_state.lock);
    interrupts_restore(flags);
}

static void log_keep(const char *line, size_t size_bytes)
{
    uint64_t flags = log_lock();
    for (size_t i = 0; i < size_bytes; i++)
        log_state.ring[(log_state.written + i) % LOG_RING_BYTES] = line[i];
    log_state.written += size_bytes;
    log_unlock(flags);
}

/* What snprintf would have written: cut at the capacity. */
static size_t log_fitting(size_t wanted, size_t capacity)
{
    return wanted < capacity ? wanted : capacity - 1;
}

void log_write(enum log_level level, const char *format, ...)
{
    char line[LOG_PREFIX_MAX + LOG_LINE_MAX + 1];
    uint64_t now_us = time_now_us();
    size_t length = format_buffer(line, LOG_PREFIX_MAX, "[%5llu.%06llu] ", (unsigned long long)(now_us / 1000000),
                                  (unsigned long long)(now_us % 1000000));
    length = log_fitting(length, LOG_PREFIX_MAX);
    size_t printed_from = length;
    if (level != LOG_INFO)
        length += format_buffer(line + length, LOG_PREFIX_MAX - length, "%s: ", log_level_names[level]);
    va_list arguments;
    va_start(arguments, format);
    length += log_fitting(format_buffer_v(line + length, LOG_LINE_MAX, format, arguments), LOG_LINE_MAX);
    va_end(arguments);
    line[length++] = '\n';
    log_keep(line, length);
    if (level <= __atomic_load_n(&log_loudest, __ATOMIC_RELAXED))
        console_write(line + printed_from, length - printed_from);
}

/*
 * Copies the line at *position, its '\n' included, and moves on; what was overwritten in the meantime is skipped, up
 * to the next whole line. 0: no more lines.
 */
static size_t log_take_line(uint64_t *position, char *line, size_t capacity)
{
    size_t length = 0;
    uint64_t flags = log_lock();
    if (log_state.written > LOG_RING_BYTES && *position < log_state.written - LOG_RING_BYTES) {
        *position = log_state.written - LOG_RING_BYTES;
        while (*position < log_state.written && log_state.ring[(*position)++ % LOG_RING_BYTES] != '\n')
            continue;
    }
    while (*position < log_state.written && length < capacity) {
        char c = log_state.ring[(*position)++ % LOG_RING_BYTES];
        line[length++] = c;
        if (c == '\n')
            break;
    }
    log_unlock(flags);
    return length;
}

void log_print(void)
{
    char line[LOG_PREFIX_MAX + LOG_LINE_MAX + 1];
    uint64_t position = 0;
    for (size_t length; (length = log_take_line(&position, line, sizeof(line))) != 0;)
        console_write(line, length);
}

void log_panic_begin(void)
{
    log_state.panicking = true;
}
