/*
 * The kernel's command line: one pass over the text, one table of what there is.
 *
 * A word is NAME or NAME=VALUE; the quotes are taken off while it is copied into a buffer, so that the rest sees
 * plain text.
 */
#include "kernel/options.h"

#include "kernel/base/string.h"

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

static const struct option option_table[] = {
    {"run",                OPTION_TEXT,   FIELD(run),                OPTIONS_RUN_BYTES },
    {"test",               OPTION_TEXT,   FIELD(test),               OPTIONS_NAME_BYTES},
    {"log",                OPTION_LOG,    FIELD(log),                0                 },
    {"cpus",               OPTION_CPUS,   FIELD(cpus),               0                 },
    {"keep-boot-services", OPTION_SWITCH, FIELD(keep_boot_services), 0                 },
    {"noruntime",          OPTION_SWITCH, FIELD(noruntime),          0                 },
    {"nokaslr",            OPTION_SWITCH, FIELD(nokaslr),            0                 },
    {"font",               OPTION_TEXT,   FIELD(font),               OPTIONS_NAME_BYTES},
};

static const char *const log_words[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

/* One word of the line without its quotes. `text` is cut at its capacity, `length` is not. */
#define WORD_BYTES (OPTIONS_RUN_BYTES + OPTIONS_NAME_BYTES)
struct word {
    char text[WORD_BYTES];
    size_t length;
    bool unterminated;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/* Takes the next word off *text; false when there is none. */
static bool word_next(struct word *word, const char **text)
{
    const char *at = *text;
    while (is_blank(*at))
        at++;
    if (*at == '\0')
        return false;
    bool quoted = false;
    word->length = 0;
    for (; *at != '\0' && (quoted || !is_blank(*at)); at++) {
        if (*at == '"') {
            quoted = !quoted;
            continue;
        }
        if (word->length < WORD_BYTES - 1)
            word->text[word->length] = *at;
        word->length++;
    }
    word->text[word->length < WORD_BYTES ? word->length : WORD_BYTES - 1] = '\0';
    word->unterminated = quoted;
    *text = at;
    return true;
}

static void complain(struct options *options, const char *word, enum options_reason reason)
{
    uint32_t index = options->complaint_count++;
    if (index >= OPTIONS_COMPLAINTS_MAX)
        return;
    struct options_complaint *complaint = &options->complaints[index];
    complaint->reason = reason;
    size_t length = 0;
    for (; length < OPTIONS_WORD_BYTES - 1 && word[length] != '\0'; length++)
        complaint->word[length] = is_control(word[length]) ? '?' : word[length];
    complaint->word[length] = '\0';
}

static bool parse_log(const char *value, enum log_level *log)
{
    for (size_t i = 0; i < ARRAY_COUNT(log_words); i++) {
        if (strcmp(value, log_words[i]) == 0) {
            *log = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool parse_cpus(const char *value, uint32_t *cpus)
{
    uint32_t number = 0;
    for (const char *at = value; *at != '\0'; at++) {
        if (*at < '0' || *at > '9')
            return false;
        number = number * 10 + (uint32_t)(*at - '0');
        if (number > OPTIONS_CPUS_MAX)
            return false;
    }
    if (number == 0)
        return false;
    *cpus = number;
    return true;
}

static bool store_value(void *field, const struct option *option, const char *value)
{
    switch (option->kind) {
    case OPTION_SWITCH:
        *(bool *)field = true;
        return true;
    case OPTION_TEXT:
        memcpy(field, value, strlen(value) + 1);
        return true;
    case OPTION_LOG:
        return parse_log(value, field);
    case OPTION_CPUS:
        return parse_cpus(value, field);
    }
    return false;
}

/* Stores the value (NULL: the word had no '=') or says why not. */
static bool take_value(struct options *options, const struct option *option, const char *value,
                       enum options_reason *reason)
{
    bool wanted = option->kind != OPTION_SWITCH;
    if (wanted && (value == NULL || *value == '\0')) {
        *reason = OPTIONS_NO_VALUE;
        return false;
    }
    if (!wanted && value != NULL) {
        *reason = OPTIONS_EXTRA_VALUE;
        return false;
    }
    if (option->kind == OPTION_TEXT && strlen(value) >= option->capacity) {
        *reason = OPTIONS_TOO_LONG;
        return false;
    }
    *reason = OPTIONS_BAD_VALUE;
    return store_value((char *)options + option->offset, option, value);
}

static const struct option *option_find(const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_COUNT(option_table); i++)
        if (strlen(option_table[i].name) == length && strncmp(option_table[i].name, name, length) == 0)
            return &option_table[i];
    return NULL;
}

static void parse_word(struct options *options, const struct word *word)
{
    size_t name_length = 0;
    while (word->text[name_length] != '\0' && word->text[name_length] != '=')
        name_length++;
    const char *value = word->text[name_length] == '=' ? &word->text[name_length + 1] : NULL;

    const struct option *option = option_find(word->text, name_length);
    enum options_reason reason;
    if (word->unterminated)
        complain(options, word->text, OPTIONS_UNTERMINATED);
    else if (option == NULL)
        complain(options, word->text, OPTIONS_UNKNOWN);
    else if (word->length >= WORD_BYTES)
        complain(options, word->text, OPTIONS_TOO_LONG);
    else if (!take_value(options, option, value, &reason))
        complain(options, word->text, reason);
}

static bool is_program_name(const struct word *word)
{
    if (word->length < 4 || word->length >= WORD_BYTES)
        return false;
    for (const char *at = word->text; *at != '\0'; at++)
        if (*at == '=')
            return false;
    const char *end = &word->text[word->length - 4];
    return end[0] == '.' && (end[1] | 0x20) == 'e' && (end[2] | 0x20) == 'f' && (end[3] | 0x20) == 'i';
}

void options_parse(struct options *options, const char *text)
{
    memset(options, 0, sizeof(*options));
    options->log = LOG_INFO;
    struct word word;
    bool first = true;
    for (const char *at = text == NULL ? "" : text; word_next(&word, &at); first = false) {
        if (!first || !is_program_name(&word))
            parse_word(options, &word);
    }
}

const char *options_reason_text(enum options_reason reason)
{
    static const char *const texts[OPTIONS_REASON_COUNT] = {
        [OPTIONS_UNKNOWN] = "unknown word",       [OPTIONS_NO_VALUE] = "needs a value",
        [OPTIONS_EXTRA_VALUE] = "takes no value", [OPTIONS_BAD_VALUE] = "bad value",
        [OPTIONS_TOO_LONG] = "value too long",    [OPTIONS_UNTERMINATED] = "the quote is not closed",
    };
    return (unsigned)reason < OPTIONS_REASON_COUNT ? texts[reason] : "?";
}
