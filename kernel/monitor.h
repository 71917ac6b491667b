/*
 * The monitor: a prompt, a line editor, a table of commands.
 *
 * Owns: the one struct line of the console and the list of command groups. A command lives in the commands_*.c file
 * of its noun; adding one is a row in that file's table.
 * Rules: runs on the boot CPU alone, as the last step of kernel/main.c. Between keys the CPU halts.
 */
#ifndef KEEL_KERNEL_MONITOR_H
#define KEEL_KERNEL_MONITOR_H

#include "kernel/base/types.h"

#define MONITOR_WORDS_MAX 16u

/* A command line in words; word[0] is the command's own name. */
struct words {
    unsigned count;
    const char *word[MONITOR_WORDS_MAX];
};

struct command {
    const char *name;
    const char *arguments; /* as help shows them; "": none, and giving one is an error */
    const char *help;      /* one line, no full stop */
    void (*run)(const struct words *words);
};

/* Tables end with a row whose name is NULL. */
extern const struct command commands_memory[];
extern const struct command commands_machine[];
extern const struct command commands_firmware[];
extern const struct command commands_control[];

/*
 * Runs the tests of test= and the commands of run=, then reads commands for ever.
 */
NORETURN void monitor_start(void);

/* Runs the commands of `text`, separated by ';', each announced as if it had been typed. What is wrong is printed. */
void monitor_run(const char *text);

/* A command got a word that it does not understand. */
void monitor_bad_argument(const struct words *words, const char *argument);

#endif
