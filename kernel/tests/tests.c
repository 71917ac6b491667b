/* Finding, running and reporting. */
#include "kernel/tests/tests.h"

#include "kernel/base/string.h"
#include "kernel/console.h"

static const struct test *const groups[] = {tests_protection, tests_cpus, tests_memory, tests_firmware};

static const char *skip_reason;
static unsigned failed_since_boot;

struct summary {
    unsigned number; /* of the last test that ran */
    unsigned results[TEST_SKIPPED + 1];
};

enum test_result tests_fail(const char *file, int line, const char *condition)
{
    print("# %s:%d: %s\n", file, line, condition);
    return TEST_FAILED;
}

enum test_result tests_skip(const char *reason)
{
    skip_reason = reason;
    return TEST_SKIPPED;
}

static void run_one(const struct test *test, struct summary *summary)
{
    enum test_result result = test->run();
    summary->number++;
    summary->results[result]++;
    print("%s %u %s", result == TEST_FAILED ? "not ok" : "ok", summary->number, test->name);
    if (result == TEST_SKIPPED)
        print(" # SKIP %s", skip_reason);
    print("\n");
}

static bool is_named(const struct test *test, const char *name)
{
    return strcmp(name, "all") == 0 || strcmp(name, test->name) == 0;
}

static unsigned count_named(const char *name)
{
    unsigned count = 0;
    for (size_t group = 0; group < ARRAY_COUNT(groups); group++)
        for (const struct test *test = groups[group]; test->name != NULL; test++)
            count += is_named(test, name);
    return count;
}

void tests_run(const char *name)
{
    unsigned count = count_named(name);
    if (count == 0) {
        print("test: no test '%s'; 'test' lists them\n", name);
        failed_since_boot++;
        return;
    }
    struct summary summary = {0};
    print("KTAP version 1\n1..%u\n", count);
    for (size_t group = 0; group < ARRAY_COUNT(groups); group++)
        for (const struct test *test = groups[group]; test->name != NULL; test++)
            if (is_named(test, name))
                run_one(test, &summary);
    failed_since_boot += summary.results[TEST_FAILED];
    print("# %u passed, %u failed, %u skipped\n", summary.results[TEST_PASSED], summary.results[TEST_FAILED],
          summary.results[TEST_SKIPPED]);
}

void tests_list(void)
{
    for (size_t group = 0; group < ARRAY_COUNT(groups); group++)
        for (const struct test *test = groups[group]; test->name != NULL; test++)
            print("  %s\n", test->name);
    print("'test all' runs them all, 'test NAME' one.\n");
}

unsigned tests_failed_count(void)
{
    return failed_since_boot;
}
