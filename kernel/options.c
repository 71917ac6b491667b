/* The options that this boot runs with. */
#include "kernel/options.h"

#include "kernel/base/string.h"

/* The one font in the image (drivers/font.h). */
#define FONT "8x16"

static struct options current = {.log = LOG_INFO};

void options_load(const char *text)
{
    options_parse(&current, text);
    log_set_level(current.log);
    for (uint32_t i = 0; i < current.complaint_count && i < OPTIONS_COMPLAINTS_MAX; i++) {
        const struct options_complaint *complaint = &current.complaints[i];
        log_warn("command line: %s: '%s'", options_reason_text(complaint->reason), complaint->word);
    }
    if (current.complaint_count > OPTIONS_COMPLAINTS_MAX)
        log_warn("command line: %u more words are wrong", current.complaint_count - OPTIONS_COMPLAINTS_MAX);
    if (current.font[0] != '\0' && strcmp(current.font, FONT) != 0)
        log_warn("command line: no font '%s'; there is only " FONT, current.font);
}

const struct options *options_current(void)
{
    return &current;
}
