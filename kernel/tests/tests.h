/*
 * Tests that run in the kernel, on the machine as it is, and report in KTAP on the console.
 *
 * Owns: the list of tests and the count of those that failed since the boot. A test lives in the file of its subject
 * and is declared below.
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

/*
 * Runs the test of that name, or all. No such test counts as a failure: a typing error must not look like success.
 * `seconds` is how long one that can go on for as long as it is wished does so; the others take the time they need.
 */
#define TESTS_SECONDS     1u /* unless it is said */
#define TESTS_SECONDS_MAX 86400u
void tests_run(const char *name, uint32_t seconds);

/* Since the boot. */
unsigned tests_failed_count(void);

/* For tests: as tests_run was told. */
uint32_t tests_seconds(void);

/* For tests: prints where and what as a diagnostic line; returns TEST_FAILED. */
enum test_result tests_fail(const char *file, int line, const char *condition);

/* For tests: `reason`, a constant string, is printed behind "# SKIP"; returns TEST_SKIPPED. */
enum test_result tests_skip(const char *reason);

#define TEST_ASSERT(condition)                                      \
    do {                                                            \
        if (!(condition))                                           \
            return tests_fail(__FILE_NAME__, __LINE__, #condition); \
    } while (0)

/* The tests, each a row in tests.c. */

/* protection.c */
enum test_result test_wx(void);
enum test_result test_image_alias(void);
enum test_result test_text(void);
enum test_result test_rodata(void);
enum test_result test_data(void);
enum test_result test_direct_map(void);
enum test_result test_low_half(void);
enum test_result test_trampoline(void);
enum test_result test_guard_pages(void);
enum test_result test_protector(void);

/* cpus.c */
enum test_result test_answer(void);
enum test_result test_own(void);
enum test_result test_registers(void);
enum test_result test_timer(void);
enum test_result test_clocks(void);
enum test_result test_shootdown(void);

/* screen.c */
enum test_result test_combining(void);

/* frames.c */
enum test_result test_stress(void);

/* numa.c */
enum test_result test_numa(void);

/* memory.c */
enum test_result test_frames(void);
enum test_result test_every(void);
enum test_result test_low_memory(void);
enum test_result test_ledger(void);
enum test_result test_heap(void);
enum test_result test_vspace(void);
enum test_result test_page_array(void);

/* firmware.c */
enum test_result test_time(void);
enum test_result test_variables(void);
enum test_result test_sse(void);
enum test_result test_fault(void);
enum test_result test_hang(void);
enum test_result test_acpi(void);
enum test_result test_tables(void);
enum test_result test_silence(void);

/* devices.c */
enum test_result test_message(void);

#endif
