/*
 * printf without floating point or locale, into whatever takes characters.
 *
 * Understands %c %s %d %u %x %llu %llx %lld %zu %% with '0', '-', a width and a precision for %s. Anything else prints
 * itself, so a mistake is visible rather than fatal. `%l` alone does not exist: long differs between PE and host.
 */
#ifndef KEEL_BASE_FORMAT_H
#define KEEL_BASE_FORMAT_H

#include <stdarg.h>

#include "kernel/base/types.h"

/* Takes one character; `context` is whatever format_to was given. */
typedef void format_sink(void *context, char c);

void format_to(format_sink *sink, void *context, const char *format, va_list arguments);

/* As C's snprintf: always terminates (when capacity > 0), returns the length that the whole text would have had. */
size_t format_buffer(char *buffer, size_t capacity, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t format_buffer_v(char *buffer, size_t capacity, const char *format, va_list arguments);

#endif
