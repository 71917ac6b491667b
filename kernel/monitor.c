/*
 * Reading lines, cutting them into commands, finding each in the tables.
 */
#include "kernel/monitor.h"

#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/line.h"
#include "kernel/machine.h"
#include "kernel/options.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"
#include "kernel/x86/interrupts.h"

/* How often keys are looked for where a device's interrupt could not be routed. */
#define POLL_US 20000u

/* One command, after cutting at ';': no longer than the longest text that commands come in. */
#define COMMAND_BYTES (OPTIONS_RUN_BYTES > LINE_BYTES ? OPTIONS_RUN_BYTES : LINE_BYTES)

/* What one key draws: at most a line's view and the way back. */
#define OUTPUT_BYTES 256u

static void run_help(const struct words *words);

static const struct command commands_monitor[] = {
    {"help", "[COMMAND]", "this list, or one line of it", run_help},
    {NULL,   NULL,        NULL,                           NULL    },
};

static const struct command *const groups[] = {
    commands_memory, commands_machine, commands_firmware, commands_control, commands_monitor,
};

static struct line line;
static char output[OUTPUT_BYTES];
static size_t output_length;

/* ---- Commands ---- */

static const struct command *find_command(const char *name)
{
    for (size_t group = 0; group < ARRAY_COUNT(groups); group++)
        for (const struct command *command = groups[group]; command->name != NULL; command++)
            if (strcmp(command->name, name) == 0)
                return command;
    return NULL;
}

static void print_help(const struct command *command)
{
    print("  %-9s %-32s %s\n", command->name, command->arguments, command->help);
}

static void run_help(const struct words *words)
{
    if (words->count > 1) {
        const struct command *command = find_command(words->word[1]);
        if (command == NULL)
            monitor_bad_argument(words, words->word[1]);
        else
            print_help(command);
        return;
    }
    for (size_t group = 0; group < ARRAY_COUNT(groups); group++)
        for (const struct command *command = groups[group]; command->name != NULL; command++)
            print_help(command);
    print("Commands can be joined with ';'. Up and Down bring back earlier lines.\n");
}

void monitor_bad_argument(const struct words *words, const char *argument)
{
    const struct command *command = find_command(words->word[0]);
    print("%s: '%s' means nothing here; usage: %s %s\n", words->word[0], argument, words->word[0],
          command == NULL ? "" : command->arguments);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts `text` in place. False: more words than there is room for. */
static bool cut_words(struct words *words, char *text)
{
    words->count = 0;
    for (char *at = text;;) {
        while (is_blank(*at))
            *at++ = '\0';
        if (*at == '\0')
            return true;
        if (words->count == MONITOR_WORDS_MAX)
            return false;
        words->word[words->count++] = at;
        while (*at != '\0' && !is_blank(*at))
            at++;
    }
}

static void run_command(char *text)
{
    struct words words;
    if (!cut_words(&words, text)) {
        print("more than %u words in one command\n", MONITOR_WORDS_MAX);
        return;
    }
    if (words.count == 0)
        return;
    const struct command *command = find_command(words.word[0]);
    if (command == NULL)
        print("%s: no such command; 'help' lists them\n", words.word[0]);
    else if (words.count > 1 && command->arguments[0] == '\0')
        monitor_bad_argument(&words, words.word[1]);
    else
        command->run(&words);
}

/* Copies the command at `text` without the blanks before it; returns how much of `text` it took, its ';' included. */
static size_t cut_command(char *command, const char *text)
{
    size_t length = 0;
    size_t skipped = 0;
    while (is_blank(text[skipped]))
        skipped++;
    const char *at = text + skipped;
    for (; at[length] != '\0' && at[length] != ';' && length < COMMAND_BYTES - 1; length++)
        command[length] = at[length];
    command[length] = '\0';
    return skipped + length + (at[length] == ';' ? 1 : 0);
}

static void run_line(const char *text, bool announce)
{
    char command[COMMAND_BYTES];
    for (const char *at = text; *at != '\0';) {
        at += cut_command(command, at);
        if (announce && command[0] != '\0')
            print("keel> %s\n", command);
        run_command(command);
    }
}

void monitor_run(const char *text)
{
    run_line(text, true);
}

/* ---- Keys ---- */

static void flush_output(void)
{
    console_write(output, output_length);
    output_length = 0;
}

/* The editor's characters go out together, and its form feed as the sequence that terminals know. */
static void put_output(void *unused, char c)
{
    (void)unused;
    static const char clear[] = "\033[2J\033[H";
    if (output_length + sizeof(clear) > OUTPUT_BYTES)
        flush_output();
    if (c == '\f') {
        memcpy(output + output_length, clear, sizeof(clear) - 1);
        output_length += sizeof(clear) - 1;
    } else {
        output[output_length++] = c;
    }
}

static bool must_poll(void)
{
    return !machine_facts()->serial_routed || !machine_facts()->keyboard_routed;
}

/* Halts until there is a key. Looked for with interrupts off, so that none slips in between the look and the HLT. */
static int wait_for_key(void)
{
    for (;;) {
        if (must_poll())
            console_poll();
        interrupts_disable();
        int key = console_read_key();
        if (key != KEY_NONE) {
            interrupts_enable();
            return key;
        }
        if (must_poll())
            time_wake_in_us(POLL_US);
        interrupts_enable_and_halt();
    }
}

static void read_line(void)
{
    enum line_event event;
    line_begin(&line);
    do {
        flush_output();
        event = line_key(&line, wait_for_key());
    } while (event == LINE_EDITING);
    flush_output();
    if (event == LINE_ENTERED)
        run_line(line.text, false);
}

NORETURN void monitor_start(void)
{
    const struct options *options = options_current();
    if (options->test[0] != '\0')
        tests_run(options->test);
    monitor_run(options->run);
    line_init(&line, "keel> ", put_output, NULL);
    for (;;)
        read_line();
}
