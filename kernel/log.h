/*
 * The log: lines with a level and a time, printed when the level is loud enough, kept all the same.
 *
 * Owns: a ring of LOG_RING_BYTES that holds the newest lines of every level, printed by the `log` command.
 * Rules: one call is one line, without '\n' at its end. Safe wherever print is. Times are those of time_now_us: since
 * reset or so, and 0 until the clock is calibrated.
 */
#ifndef KEEL_KERNEL_LOG_H
#define KEEL_KERNEL_LOG_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

#define LOG_RING_BYTES 16384u /* a boot at `debug` takes about half */
#define LOG_LINE_MAX   240u   /* longer lines are cut */

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
};

/* Lines up to this level are printed (all are kept): LOG_INFO at the start, `log=` on the command line. */
void log_set_level(enum log_level level);

/* "error", "warn", "info", "debug". STATUS_INVALID: none of them. */
enum status log_parse_level(const char *name, enum log_level *level) MUST_CHECK;

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* Prints the lines that the ring holds, oldest first. */
void log_print(void);

#endif
