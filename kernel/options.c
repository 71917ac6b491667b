/*
 * The kernel's command line: one pass over a copy of the text, one table of what there is.
 *
 * A word is NAME or NAME=VALUE; kernel/base/word.h tells where it begins and ends. The copy is cut in place.
 *
 * Rules: input from outside: nothing is assumed but the terminator. What is wrong is complained of once, with the word,
 * and the rest still counts, because a typing error in one word is no reason to boot without all the others.
 */
#include "kernel/options.h"

#include "boot/handoff.h"
#include "drivers/font.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/base/word.h"

enum option_kind {
    OPTION_SWITCH, /* bool, no value */
    OPTION_TEXT,   /* char[capacity] */
    OPTION_LOG,    /* enum log_level */
    OPTION_CPUS,   /* uint32_t, 1 .. OPTIONS_CPUS_MAX */
};

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;   /* in struct options */
    size_t capacity; /* of a text */
};

#define FIELD(field) offsetof(struct options, field)

/* In the order of options.h. A new option is a field there and a row here. */
static const struct option option_table[] = {
    {"run",                OPTION_TEXT,   FIELD(run),                OPTIONS_RUN_BYTES },
    {"test",               OPTION_TEXT,   FIELD(test),               OPTIONS_NAME_BYTES},
    {"log",                OPTION_LOG,    FIELD(log),                0                 },
    {"cpus",               OPTION_CPUS,   FIELD(cpus),               0                 },
    {"keep-boot-services", OPTION_SWITCH, FIELD(keep_boot_services), 0                 },
    {"noruntime",          OPTION_SWITCH, FIELD(noruntime),          0                 },
    {"nokaslr",            OPTION_SWITCH, FIELD(nokaslr),            0                 },
    {"font",               OPTION_TEXT,   FIELD(font),               OPTIONS_NAME_BYTES},
    {"mode",               OPTION_TEXT,   FIELD(mode),               OPTIONS_NAME_BYTES},
    {"keymap",             OPTION_TEXT,   FIELD(keymap),             OPTIONS_NAME_BYTES},
};

static struct options current = {.log = LOG_INFO};

bool options_parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *number)
{
    uint32_t value = 0;
    const char *at = text;
    /* Ends before `value` could overflow: what is left over then fails as text behind the number. */
    for (; *at >= '0' && *at <= '9' && value <= most / 10; at++)
        value = value * 10 + (uint32_t)(*at - '0');
    if (at == text || *at != '\0' || value < least || value > most)
        return false;
    *number = value;
    return true;
}

/* Stores the value (NULL: the word had no '='). Returns what is wrong with it, or NULL. */
static const char *take_value(struct options *options, const struct option *option, const char *value)
{
    void *field = (char *)options + option->offset;
    bool good = true;
    if (option->kind == OPTION_SWITCH && value != NULL)
        return "takes no value";
    if (option->kind != OPTION_SWITCH && (value == NULL || *value == '\0'))
        return "needs a value";
    switch (option->kind) {
    case OPTION_SWITCH:
        *(bool *)field = true;
        break;
    case OPTION_TEXT:
        /* Refused, not cut: half of a list of commands might do something else than all of it. */
        if (strlen(value) >= option->capacity)
            return "value too long";
        memcpy(field, value, strlen(value) + 1);
        break;
    case OPTION_LOG:
        good = log_parse_level(value, field) == STATUS_OK;
        break;
    case OPTION_CPUS:
        good = options_parse_number(value, 1, OPTIONS_CPUS_MAX, field);
        break;
    }
    return good ? NULL : "bad value";
}

/* Finds the option and gives it the value. Returns what is wrong with the word, or NULL. */
static const char *take_word(struct options *options, const char *word, bool open)
{
    size_t length = 0;
    while (word[length] != '\0' && word[length] != '=')
        length++;
    /* The whole rest of the line is in this word, so which option it was does not matter. */
    if (open)
        return "the quote is not closed";
    for (size_t i = 0; i < ARRAY_COUNT(option_table); i++) {
        const struct option *option = &option_table[i];
        if (strlen(option->name) == length && strncmp(option->name, word, length) == 0)
            return take_value(options, option, word[length] == '=' ? word + length + 1 : NULL);
    }
    return "unknown word";
}

void options_parse(struct options *options, const char *text, options_complain *complain)
{
    char copy[HANDOFF_COMMAND_LINE_BYTES];
    format_buffer(copy, sizeof(copy), "%s", text);
    *options = (struct options){.log = LOG_INFO};
    char *rest = copy;
    bool open;
    for (const char *word; (word = word_next(&rest, &open)) != NULL;) {
        const char *mistake = take_word(options, word, open);
        if (mistake != NULL)
            complain(mistake, word);
    }
}

static void warn(const char *mistake, const char *word)
{
    log_warn("command line: %s: '%s'", mistake, word);
}

void options_load(const char *text)
{
    options_parse(&current, text, warn);
    /* After the parse: its complaints are printed at the level of the start, whatever log= says. */
    log_set_level(current.log);
    if (current.font[0] != '\0' && font_find(current.font) == NULL)
        warn("no such font", current.font);
}

const struct options *options_current(void)
{
    return &current;
}
