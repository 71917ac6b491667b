/*
 * Monitor commands that make the kernel do something: log, test, reboot, poweroff.
 *
 * There are several ways down because each is broken on some machine. They are tried in the order of how often they
 * work, and each is named, so that a person can tell what the machine lacks.
 */
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/monitor.h"
#include "kernel/options.h"
#include "kernel/runtime.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"
#include "kernel/x86/debug_exit.h"
#include "kernel/x86/interrupts.h"

/* How long a way down may take to bite: chipsets need a moment after the write. */
#define DOWN_WAIT_US 500000u

void command_log(const struct words *words)
{
    enum log_level level;
    if (words->count == 1)
        log_print();
    else if (words->count == 2 && log_parse_level(words->word[1], &level) == STATUS_OK)
        log_set_level(level);
    else
        monitor_bad_argument(words, words->word[words->count - 1]);
}

void command_test(const struct words *words)
{
    uint32_t seconds = TESTS_SECONDS;
    if (words->count == 1)
        tests_list();
    else if (words->count > 3)
        monitor_bad_argument(words, words->word[3]);
    else if (words->count == 3 && !options_parse_number(words->word[2], 1, TESTS_SECONDS_MAX, &seconds))
        monitor_bad_argument(words, words->word[2]);
    else
        tests_run(words->word[1], seconds);
}

/* ---- Ways down ---- */

struct way {
    const char *name;
    enum status (*go)(const struct power *power); /* returns when the machine is still running */
};

static const struct way ways_to_reset[] = {
    {"ACPI reset register", power_reset_acpi},
    {"port 0xCF9", power_reset_cf9},
    {"keyboard controller", power_reset_keyboard},
};
static const struct way ways_off[] = {
    {"ACPI S5", power_off_acpi},
};

/* A way was tried and we are still here: gives it time to bite, then says so. */
static void report(const char *command, const char *way, enum status status)
{
    if (status == STATUS_OK)
        time_delay_us(DOWN_WAIT_US);
    print("%s: %s: %s\n", command, way, status == STATUS_OK ? "nothing happened" : status_name(status));
}

/*
 * Each way is announced before it is tried: the last line on a machine that hangs names the culprit. The firmware comes
 * last: ResetSystem is the service that crashes on most machines (firmware-quirk 58).
 */
static void go_down(const char *command, const struct way *ways, unsigned count, enum efi_reset_type reset)
{
    uint64_t flags = interrupts_save_and_disable();
    for (unsigned i = 0; i < count; i++) {
        print("%s: %s\n", command, ways[i].name);
        report(command, ways[i].name, ways[i].go(&machine_facts()->power));
    }
    interrupts_restore(flags); /* the watch over a firmware call is another CPU's work */
    print("%s: firmware\n", command);
    report(command, "firmware", runtime_reset(reset));
}

void command_reboot(void)
{
    go_down("reboot", ways_to_reset, ARRAY_COUNT(ways_to_reset), EFI_RESET_COLD);
}

void command_poweroff(void)
{
    if (tests_failed_count() != 0) {
        print("poweroff: %u tests failed\n", tests_failed_count());
        debug_exit(DEBUG_EXIT_TESTS_FAILED); /* under QEMU the end, with a status; elsewhere it does nothing */
    }
    go_down("poweroff", ways_off, ARRAY_COUNT(ways_off), EFI_RESET_SHUTDOWN);
}
