/*
 * Tests that run in the kernel, on the machine as it is, and report in KTAP on the console.
 *
 * Owns: the list of tests and the count of those that failed since the boot. A test lives in the file of its subject
 * and is a row in that file's table.
 * Rules: a test leaves the machine as it found it, may be run any number of times, and fails rather than panics. They
 * run at the monitor, when everything works. Format: Linux's Documentation/dev-tools/ktap.rst.
 */
#ifndef KEEL_KERNEL_TESTS_TESTS_H
#define KEEL_KERNEL_TESTS_TESTS_H

#include "kernel/base/types.h"

enum test_result {
    TEST_PASSED,
    TEST_FAILED,
    TEST_SKIPPED,
};

struct test {
    const char *name;
    enum test_result (*run)(void);
};

/* Tables end with a row whose name is NULL. */
extern const struct test tests_protection[];
extern const struct test tests_cpus[];
extern const struct test tests_memory[];
extern const struct test tests_firmware[];

/* Runs the test of that name, or all. No such test counts as a failure: a typing error must not look like success. */
void tests_run(const char *name);

void tests_list(void);

/* Since the boot. */
unsigned tests_failed_count(void);

/* For tests: prints where and what as a diagnostic line; returns TEST_FAILED. */
enum test_result tests_fail(const char *file, int line, const char *condition);

/* For tests: `reason`, a constant string, is printed behind "# SKIP"; returns TEST_SKIPPED. */
enum test_result tests_skip(const char *reason);

#define TEST_ASSERT(condition)                                      \
    do {                                                            \
        if (!(condition))                                           \
            return tests_fail(__FILE_NAME__, __LINE__, #condition); \
    } while (0)

#endif
