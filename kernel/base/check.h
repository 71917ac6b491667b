/*
 * CHECK: for our own bugs, where going on is not safe. Never for input from outside: that gets a status.
 *
 * check_failed is the one function that base needs from outside; each program defines it (kernel/panic.c panics,
 * boot uses the same; host programs print and abort).
 */
#ifndef KEEL_BASE_CHECK_H
#define KEEL_BASE_CHECK_H

#include "kernel/base/types.h"

NORETURN void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition)                                      \
    do {                                                      \
        if (__builtin_expect(!(condition), 0))                \
            check_failed(__FILE_NAME__, __LINE__, #condition); \
    } while (0)

#endif
