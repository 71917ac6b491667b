/*
 * host.c for programs with threads: what fails in a thread cannot go back to cmocka, so a failed CHECK ends the
 * program.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}

void cpu_relax(void)
{
    sched_yield();
}
