/*
 * The list of tests; finding, running and reporting.
 *
 *     KTAP version 1
 *     1..27                          the plan stands before the first result, so that a run which dies half way
 *     ok 1 wx                        does not look complete
 *     # protection.c:95: condition   what a test says stands before its line
 *     not ok 2 image-alias
 *     ok 3 timer # SKIP reason
 *     # 25 passed, 1 failed, 1 skipped
 *
 * The verdict is counted since the boot: `poweroff` turns it into QEMU's exit status (kernel/x86/debug_exit.h).
 */
#include "kernel/tests/tests.h"

#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/monitor.h"
#include "kernel/options.h"

static const struct test {
    const char *name;
    enum test_result (*run)(void);
} tests[] = {
    {"wx",                 test_wx         },
    {"image-alias",        test_image_alias},
    {"text-write",         test_text       },
    {"rodata-write",       test_rodata     },
    {"data-execute",       test_data       },
    {"direct-map-execute", test_direct_map },
    {"low-half",           test_low_half   },
    {"trampoline",         test_trampoline },
    {"guard-pages",        test_guard_pages},
    {"stack-protector",    test_protector  },
    {"cpus-answer",        test_answer     },
    {"cpus-own",           test_own        },
    {"cpus-registers",     test_registers  },
    {"timer",              test_timer      },
    {"clocks",             test_clocks     },
    {"tlb-shootdown",      test_shootdown  },
    {"write-combining",    test_combining },
    {"frames",             test_frames     },
    {"frames-stress",      test_stress     },
    {"numa",               test_numa       },
    {"every-frame",        test_every      },
    {"low-memory",         test_low_memory },
    {"ledger",             test_ledger     },
    {"heap",               test_heap       },
    {"vspace",             test_vspace     },
    {"page-array",         test_page_array },
    {"runtime-time",       test_time       },
    {"runtime-variables",  test_variables  },
    {"runtime-registers",  test_sse        },
    {"runtime-fault",      test_fault      },
    {"runtime-hang",       test_hang       },
    {"acpi",               test_acpi       },
    {"tables",             test_tables     },
    {"pci-silence",        test_silence    },
    {"pci-message",        test_message    },
};

static const char *skip_reason;
static unsigned failed_since_boot;
static uint32_t wished_seconds;

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

/* "all" is everybody's name. */
static bool is_named(const struct test *test, const char *name)
{
    return strcmp(name, "all") == 0 || strcmp(name, test->name) == 0;
}

static enum test_result run_one(const struct test *test, unsigned number)
{
    enum test_result result = test->run();
    print("%s %u %s%s%s\n", result == TEST_FAILED ? "not ok" : "ok", number, test->name,
          result == TEST_SKIPPED ? " # SKIP " : "", result == TEST_SKIPPED ? skip_reason : "");
    return result;
}

uint32_t tests_seconds(void)
{
    return wished_seconds;
}

void tests_run(const char *name, uint32_t seconds)
{
    wished_seconds = seconds;
    unsigned results[TEST_SKIPPED + 1] = {0};
    unsigned count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(tests); i++)
        count += is_named(&tests[i], name);
    if (count == 0) {
        print("test: no test '%s'; 'test' lists them\n", name);
        /* A name that nothing has: a typing error in CI must not be green. */
        failed_since_boot++;
        return;
    }
    print("KTAP version 1\n1..%u\n", count);
    unsigned number = 0;
    for (size_t i = 0; i < ARRAY_COUNT(tests); i++)
        if (is_named(&tests[i], name))
            results[run_one(&tests[i], ++number)]++;
    failed_since_boot += results[TEST_FAILED];
    print("# %u passed, %u failed, %u skipped\n", results[TEST_PASSED], results[TEST_FAILED], results[TEST_SKIPPED]);
}

unsigned tests_failed_count(void)
{
    return failed_since_boot;
}

void command_test(const struct words *words)
{
    uint32_t seconds = TESTS_SECONDS;
    if (words->count > 3)
        monitor_bad_argument(words, words->word[3]);
    else if (words->count == 3 && !options_parse_number(words->word[2], 1, TESTS_SECONDS_MAX, &seconds))
        monitor_bad_argument(words, words->word[2]);
    else if (words->count > 1)
        tests_run(words->word[1], seconds);
    else
        for (size_t i = 0; i < ARRAY_COUNT(tests); i++)
            print("  %s\n", tests[i].name);
}
