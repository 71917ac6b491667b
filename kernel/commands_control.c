/* Monitor commands that make the kernel do something: log, test, fault, reboot, poweroff. */
#include "kernel/base/string.h"
#include "kernel/commands_fault.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/monitor.h"
#include "kernel/runtime.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"
#include "kernel/x86/debug_exit.h"
#include "kernel/x86/interrupts.h"

/* How long a way down may take to bite: chipsets need a moment after the write. */
#define DOWN_WAIT_US 500000u

static void run_log(const struct words *words)
{
    enum log_level level;
    if (words->count == 1)
        log_print();
    else if (words->count == 2 && log_parse_level(words->word[1], &level) == STATUS_OK)
        log_set_level(level);
    else
        monitor_bad_argument(words, words->word[words->count - 1]);
}

static void run_test(const struct words *words)
{
    if (words->count == 1)
        tests_list();
    else if (words->count == 2)
        tests_run(words->word[1]);
    else
        monitor_bad_argument(words, words->word[2]);
}

/* ---- Ways down ---- */

struct way_down {
    const char *name;
    enum status (*go)(void);
};

static enum status off_by_acpi(void)
{
    return power_off_acpi(&machine_facts()->power);
}

static enum status off_by_firmware(void)
{
    return runtime_reset(EFI_RESET_SHUTDOWN);
}

static enum status reset_by_acpi(void)
{
    return power_reset_acpi(&machine_facts()->power);
}

static enum status reset_by_firmware(void)
{
    return runtime_reset(EFI_RESET_COLD);
}

/* The firmware comes last: ResetSystem is the service that crashes on most machines (firmware-quirk 58). */
static const struct way_down ways_off[] = {
    {"ACPI S5",  off_by_acpi    },
    {"firmware", off_by_firmware},
};

static const struct way_down ways_around[] = {
    {"ACPI reset register", reset_by_acpi       },
    {"port 0xCF9",          power_reset_cf9     },
    {"keyboard controller", power_reset_keyboard},
    {"firmware",            reset_by_firmware   },
};

/* Tries each way; comes back when all have failed. */
static void go_down(const char *verb, const struct way_down *ways, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print("%s: %s\n", verb, ways[i].name);
        uint64_t flags = interrupts_save_and_disable();
        enum status status = ways[i].go();
        if (status == STATUS_OK)
            time_delay_us(DOWN_WAIT_US);
        interrupts_restore(flags);
        print("%s: %s: %s\n", verb, ways[i].name, status == STATUS_OK ? "nothing happened" : status_name(status));
    }
    print("%s: no way worked on this machine; the power button will\n", verb);
}

static void run_reboot(const struct words *words)
{
    (void)words;
    go_down("reboot", ways_around, ARRAY_COUNT(ways_around));
}

static void run_poweroff(const struct words *words)
{
    (void)words;
    if (tests_failed_count() != 0) {
        print("poweroff: %u tests failed\n", tests_failed_count());
        debug_exit(DEBUG_EXIT_TESTS_FAILED);
    }
    go_down("poweroff", ways_off, ARRAY_COUNT(ways_off));
}

/* ---- fault ---- */

static void run_fault(const struct words *words)
{
    if (words->count == 1)
        commands_fault_list();
    else if (words->count > 3)
        monitor_bad_argument(words, words->word[3]);
    else if (!commands_fault_run(words->word[1], words->count == 3 ? words->word[2] : "0"))
        commands_fault_list();
}

const struct command commands_control[] = {
    {"log",      "[debug|info|warn|error]", "the log, or how much of it is printed as it comes", run_log     },
    {"test",     "[all|NAME]",              "the list of tests, or run them",                    run_test    },
    {"fault",    "[KIND [CPU]]",            "break something on purpose, to see the panic",      run_fault   },
    {"reboot",   "",                        "start the machine anew",                            run_reboot  },
    {"poweroff", "",                        "turn the machine off",                              run_poweroff},
    {NULL,       NULL,                      NULL,                                                NULL        },
};
