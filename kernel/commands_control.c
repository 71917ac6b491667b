/* Monitor commands that make the kernel do something: log, test. */
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/monitor.h"
#include "kernel/options.h"
#include "kernel/tests/tests.h"

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
