/* Monitor commands that make the kernel do something: log. */
#include "kernel/log.h"
#include "kernel/monitor.h"

void command_log(const struct words *words)
{
    enum log_level level;
    if (words->count == 2 && log_parse_level(words->word[1], &level) == STATUS_OK)
        log_set_level(level);
    else
        monitor_hand_out(words, log_print, CRASH_LOG);
}
