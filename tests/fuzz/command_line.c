/*
 * The command line from both of its sources (boot/command_line.c) and through the parser (kernel/options_parse.c).
 * Holds: the text is terminated, printable, trimmed, empty exactly when nothing was found, and decodes to itself;
 * every field of the options is terminated, every word is either taken or a complaint, and boot/ finds nokaslr exactly
 * where the kernel does.
 *
 * Input: one byte that chooses the source, then its bytes.
 */
#include "boot/command_line.h"

#include "boot/buffers.h"
#include "boot/kaslr.h"
#include "kernel/options.h"
#include "tests/fuzz/input.h"

/* The file's reader needs it, which is not called here. */
__typeof__(buffers_scratch) buffers_scratch;

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void check_decoded(const struct command_line *line, enum status status)
{
    CHECK(status == STATUS_OK || status == STATUS_NOT_FOUND);
    if (status != STATUS_OK)
        return;
    size_t length = strnlen(line->text, sizeof(line->text));
    CHECK(length > 0 && length < sizeof(line->text));
    CHECK(line->text[0] != ' ' && line->text[length - 1] != ' ');
    for (size_t i = 0; i < length; i++)
        CHECK(line->text[i] >= ' ' && line->text[i] <= '~');
    struct command_line again;
    CHECK(command_line_from_file((const uint8_t *)line->text, length, &again) == STATUS_OK);
    CHECK(strcmp(again.text, line->text) == 0 && !again.mended);
}

/* Words as a person sees them: what blanks outside of quotes separate. */
static uint32_t count_words(const char *text)
{
    uint32_t count = 0;
    bool quoted = false;
    bool inside = false;
    for (; *text != '\0'; text++) {
        bool blank = is_blank(*text) && !quoted;
        count += !blank && !inside;
        inside = !blank;
        quoted ^= *text == '"';
    }
    return count;
}

static uint32_t complaints;

static void hear(const char *mistake, const char *word)
{
    CHECK(mistake[0] != '\0' && strlen(word) < HANDOFF_COMMAND_LINE_BYTES);
    complaints++;
}

static bool is_default(const struct options *options)
{
    return options->run[0] == '\0' && options->test[0] == '\0' && options->font[0] == '\0' &&
           options->keymap[0] == '\0' && options->cpus == 0 && options->log == LOG_INFO &&
           !options->keep_boot_services && !options->noruntime && !options->nokaslr;
}

static void check_options(const char *text)
{
    struct options options;
    memset(&options, 0xA5, sizeof(options));
    complaints = 0;
    options_parse(&options, text, hear);
    CHECK(strnlen(options.run, OPTIONS_RUN_BYTES) < OPTIONS_RUN_BYTES);
    CHECK(strnlen(options.test, OPTIONS_NAME_BYTES) < OPTIONS_NAME_BYTES);
    CHECK(strnlen(options.font, OPTIONS_NAME_BYTES) < OPTIONS_NAME_BYTES);
    CHECK(strnlen(options.keymap, OPTIONS_NAME_BYTES) < OPTIONS_NAME_BYTES);
    CHECK(options.cpus <= OPTIONS_CPUS_MAX && options.log <= LOG_DEBUG);
    uint32_t words = count_words(text);
    if (strlen(text) >= HANDOFF_COMMAND_LINE_BYTES)
        return; /* it is cut somewhere */
    char line[HANDOFF_COMMAND_LINE_BYTES] = "";
    strcpy(line, text);
    CHECK(kaslr_refused(line) == options.nokaslr);
    CHECK(complaints <= words);
    if (complaints == words)
        CHECK(is_default(&options));
    else if (strstr(text, "info") == NULL && strchr(text, '"') == NULL) /* log=info is the default */
        CHECK(!is_default(&options));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    uint8_t *copy = input_copy(bytes + 1, size_bytes - 1);
    struct command_line line;
    memset(&line, 0xA5, sizeof(line));
    if (bytes[0] % 3 == 0) {
        char *text = calloc(1, size_bytes);
        memcpy(text, copy, size_bytes - 1);
        check_options(text);
        free(text);
    } else {
        enum status status = bytes[0] % 3 == 1 ? command_line_from_options(copy, size_bytes - 1, &line)
                                               : command_line_from_file(copy, size_bytes - 1, &line);
        check_decoded(&line, status);
        if (status == STATUS_OK)
            check_options(line.text);
    }
    free(copy);
    return 0;
}
