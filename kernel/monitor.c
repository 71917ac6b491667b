/*
 * Reading lines, cutting them into commands, finding each in the table.
 *
 * Two loops. read_line: a key, what the line editor draws for it, sleep until the next one. run_line: a copy of the
 * line, cut in place, first at ';' into commands, then at blanks into words.
 *
 *     "mem; fault page 1"  --';'-->  "mem" | "fault page 1"  --' '-->  {"fault", "page", "1"}
 *
 * Rules: no quotes and no escapes here: what needs blanks is the last argument (`vars set`). A command that gets a word
 * too many says so rather than ignore it. Commands run one at a time, on the boot CPU, with interrupts on.
 */
#include "kernel/monitor.h"

#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/button.h"
#include "kernel/console.h"
#include "kernel/display.h"
#include "kernel/keyboard.h"
#include "kernel/line.h"
#include "kernel/machine.h"
#include "kernel/options.h"
#include "kernel/shutdown.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"
#include "kernel/usb.h"
#include "kernel/x86/interrupts.h"

/* How often keys are looked for where a device's interrupt could not be routed. */
#define POLL_US 20000u

/* The longest text that commands come in. */
#define COMMANDS_BYTES OPTIONS_RUN_BYTES
_Static_assert(COMMANDS_BYTES >= LINE_BYTES, "a typed line fits too");

/* What one key draws: at most a line's view and the way back. */
#define OUTPUT_BYTES 256u

static void command_help(void);

static const struct {
    const char *name;
    const char *help;                             /* one line, no full stop; what it takes in brackets */
    void (*run)(void);                            /* takes no arguments: giving one is an error */
    void (*run_words)(const struct words *words); /* takes some */
} commands[] = {
    {"mem",      "the ledger: who owns every page",                               command_mem,      NULL         },
    {"map",      "the firmware's memory map, as it came [qr|save]",               NULL,             command_map  },
    {"boot",     "how the boot went, phase by phase",                             command_boot,     NULL         },
    {"cpus",     "the CPUs, their microcode and errata",                          command_cpus,     NULL         },
    {"acpi",     "ACPI's tables and what they say",                               command_acpi,     NULL         },
    {"pci",      "PCI functions, their registers, and what was silenced",         command_pci,      NULL         },
    {"usb",      "USB controllers and what is plugged in",                        usb_print,        NULL         },
    {"screen",   "the screen: mode, font, how it is cached",                      command_screen,   NULL         },
    {"time",     "the firmware's clock, the TSC, the uptime",                     command_time,     NULL         },
    {"vars",     "the firmware's variables [NAME | set NAME TEXT | delete NAME]", NULL,             command_vars },
    {"frames",   "the frame allocator, and an audit of it",                       command_frames,   NULL         },
    {"log",      "the log, or how much is printed [qr|debug|info|warn|error]",    NULL,             command_log  },
    {"report",   "the machine on one page, to send in [qr|save]",                 NULL,             command_report},
    {"crash",    "what the last boot left: a panic, or its log [qr]",             NULL,             command_crash},
    {"save",     "keep the log for the next boot [log]",                          NULL,             command_save },
    {"test",     "tests, in a list or run [all|NAME [SECONDS]]",                  NULL,             command_test },
    {"fault",    "break something, to see the panic [KIND [CPU]]",                NULL,             command_fault},
    {"keymap",   "keyboards, and what their keys type [NAME]",                    NULL,             command_keymap},
    {"reboot",   "start the machine anew",                                        shutdown_reboot,  NULL         },
    {"poweroff", "turn the machine off",                                          shutdown_off,     NULL         },
    {"help",     "this list",                                                     command_help,     NULL         },
};

static struct line line;
static char output[OUTPUT_BYTES];
static size_t output_length;

/* ---- Commands ---- */

static void command_help(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        print("  %-9s %s\n", commands[i].name, commands[i].help);
    print("Commands can be joined with ';'. Up and Down bring back earlier lines,\n"
          "Page Up and Page Down what was printed.\n");
}

void monitor_bad_argument(const struct words *words, const char *argument)
{
    print("%s: '%s' means nothing here; see 'help'\n", words->word[0], argument);
}

/* Ends `text` at the first `at`; returns what is behind it, or NULL when there is none. */
static char *cut(char *text, char at)
{
    for (; *text != '\0'; text++) {
        if (*text == at) {
            *text = '\0';
            return text + 1;
        }
    }
    return NULL;
}

static void run_words(const struct words *words)
{
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strcmp(commands[i].name, words->word[0]) != 0)
            continue;
        if (commands[i].run == NULL)
            commands[i].run_words(words);
        else if (words->count > 1)
            monitor_bad_argument(words, words->word[1]);
        else
            commands[i].run();
        return;
    }
    print("%s: no such command; 'help' lists them\n", words->word[0]);
}

/* Cuts the command into words; nothing but blanks is no command. */
static void run_command(char *text)
{
    struct words words = {0};
    for (char *word = text, *rest; word != NULL; word = rest) {
        rest = cut(word, ' ');
        if (*word == '\0')
            continue;
        if (words.count == MONITOR_WORDS_MAX) {
            print("more than %u words in one command\n", MONITOR_WORDS_MAX);
            return;
        }
        words.word[words.count++] = word;
    }
    if (words.count != 0)
        run_words(&words);
}

/* Runs the commands of `text`, separated by ';'; `announce`: each is printed first, as if it had been typed. */
static void run_line(const char *text, bool announce)
{
    /* A copy, because the line goes into the history, and run= stays what `boot` prints. */
    char copy[COMMANDS_BYTES];
    format_buffer(copy, sizeof(copy), "%s", text);
    for (char *command = copy, *rest; command != NULL; command = rest) {
        rest = cut(command, ';');
        while (*command == ' ')
            command++;
        if (announce && *command != '\0')
            print("keel> %s\n", command);
        run_command(command);
    }
}

/* ---- Keys ---- */

static void flush_output(void)
{
    console_write(output, output_length);
    output_length = 0;
}

/* The editor's characters go out together; its form feed as the sequence that terminals know. */
static void put_output(void *unused, char c)
{
    (void)unused;
    if (c == '\f' || output_length == OUTPUT_BYTES)
        flush_output();
    if (c == '\f')
        print("\033[2J\033[H");
    else
        output[output_length++] = c;
}

int monitor_wait_key(void)
{
    const uint64_t look_us = machine_facts()->console_polled ? POLL_US : UINT64_MAX;
    for (;;) {
        keyboard_update_lights();
        bool printed = usb_poll();
        if (button_waits()) {
            button_serve();
            printed = true;
        }
        if (printed) {
            line_show(&line);
            flush_output();
        }
        /*
         * Off before the look, on with the sleep: a key in between ends the sleep instead of being missed until the
         * next one.
         */
        interrupts_disable();
        int key = keyboard_read_key();
        uint64_t wake_us = min_u64(min_u64(keyboard_due_us(), usb_due_us()), look_us);
        if (key == KEY_NONE && wake_us != 0 && !button_waits()) {
            if (wake_us != UINT64_MAX)
                time_wake_in_us(wake_us);
            interrupts_enable_and_halt();
        }
        interrupts_enable();
        if (key != KEY_NONE)
            return key;
    }
}

/* Page Up and Page Down look back through what was printed; any other key is for the line. */
static int next_key(void)
{
    int key;
    while ((key = monitor_wait_key()) == KEY_PAGE_UP || key == KEY_PAGE_DOWN)
        console_page(key == KEY_PAGE_UP ? -1 : 1);
    console_page(0);
    return key;
}

static void read_line(void)
{
    enum line_event event;
    line_begin(&line);
    do {
        flush_output();
        event = line_key(&line, next_key());
    } while (event == LINE_EDITING);
    flush_output();
    if (event == LINE_ENTERED)
        run_line(line.text, false);
}

NORETURN void monitor_start(void)
{
    const struct options *options = options_current();
    if (options->test[0] != '\0') {
        tests_run(options->test, TESTS_SECONDS);
        if (options->run[0] == '\0')
            shutdown_off(); /* a run of tests ends with its verdict, unless run= says what comes next */
    }
    run_line(options->run, true);
    console_take_screen();
    print("'help' lists what can be typed\n");
    line_init(&line, "keel> ", put_output, NULL);
    for (;;)
        read_line();
}
