/*
 * The monitor: a prompt, a line editor, a table of commands.
 *
 * Owns: the one struct line of the console and the table of commands. A command lives in the commands_*.c file of its
 * noun; adding one is a declaration here and a row in monitor.c.
 * Rules: runs on the boot CPU alone, as the last step of kernel/main.c. Between keys the CPU halts.
 */
#ifndef KEEL_KERNEL_MONITOR_H
#define KEEL_KERNEL_MONITOR_H

#include "kernel/base/types.h"
#include "kernel/crash.h"

#define MONITOR_WORDS_MAX 16u

/* A command line in words; word[0] is the command's own name. */
struct words {
    unsigned count;
    const char *word[MONITOR_WORDS_MAX];
};

/* Runs the tests of test= and the commands of run=, then reads commands for ever. Tests alone end with a power-off. */
NORETURN void monitor_start(void);

/* Waits for a key, as the prompt does. */
int monitor_wait_key(void);

/* A command got a word that it does not understand. */
void monitor_bad_argument(const struct words *words, const char *argument);

/* commands_memory.c */
void command_mem(void);
void command_map(const struct words *words);
void command_frames(void);

/* commands_machine.c */
void command_boot(void);
void command_cpus(void);
void command_acpi(void);
void command_pci(void);
void command_time(void);

/* commands_report.c */
void command_report(const struct words *words);
void command_crash(const struct words *words);
void command_log(const struct words *words);
void command_save(const struct words *words);

/*
 * For a command whose text may be wanted elsewhere: `NAME` prints it, `NAME qr` shows it as codes, `NAME save` puts it
 * into a variable of the firmware's. print_it is called twice then, to learn the length.
 */
void monitor_hand_out(const struct words *words, void (*print_it)(void), enum crash_kind kind);

/* commands_firmware.c */
void command_vars(const struct words *words);

/* commands_keyboard.c */
void command_keymap(const struct words *words);

/* tests/tests.c; tests/faults.c: the kernel broken on purpose */
void command_test(const struct words *words);
void command_fault(const struct words *words);

#endif
