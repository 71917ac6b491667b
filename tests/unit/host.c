/*
 * What kernel/base needs from outside (check.h, spinlock.h), for programs on the host.
 *
 * In a cmocka test a failed CHECK becomes mock_assert, so that expect_assert_failure() can wait for one; elsewhere
 * (replay, fuzzers) it prints and aborts. The weak reference is how one object serves both.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"

__attribute__((weak)) void mock_assert(const int result, const char *expression, const char *file, const int line);

void check_failed(const char *file, int line, const char *condition)
{
    if (mock_assert != NULL)
        mock_assert(0, condition, file, line);
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}

void cpu_relax(void)
{
    sched_yield();
}
