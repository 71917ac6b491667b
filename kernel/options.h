/*
 * The kernel's command line, taken apart.
 *
 *     run="mem; cpus" test=NAME|all log=debug|info|warn|error cpus=N keep-boot-services noruntime nokaslr font=NAME
 *     mode=SIZE keymap=NAME
 *
 * Owns: struct options, a value with copies of all texts; nothing points into the command line afterwards.
 * Rules: bounded by the sizes below. The command line is input from outside, which boot/command_line.c has reduced to
 * printable ASCII without the program's own name. A word that is unknown, has a bad value, or ends inside a quote is
 * complained of and never silently dropped. The words that are right count all the same.
 */
#ifndef KEEL_KERNEL_OPTIONS_H
#define KEEL_KERNEL_OPTIONS_H

#include "kernel/base/types.h"
#include "kernel/log.h"

#define OPTIONS_RUN_BYTES  512u /* terminators included, here and below */
#define OPTIONS_NAME_BYTES 32u
#define OPTIONS_CPUS_MAX   65535u

struct options {
    char run[OPTIONS_RUN_BYTES];   /* "": none */
    char test[OPTIONS_NAME_BYTES]; /* "": none, "all", or a test's name */
    char font[OPTIONS_NAME_BYTES];   /* "": as the screen's size suggests */
    char mode[OPTIONS_NAME_BYTES];   /* "": as boot/graphics.c chooses; it is set before the kernel begins */
    char keymap[OPTIONS_NAME_BYTES]; /* "": the default */
    enum log_level log;            /* LOG_INFO unless told */
    uint32_t cpus;                 /* 0: all that there are */
    bool keep_boot_services;
    bool noruntime;
    bool nokaslr; /* boot/kaslr.c has seen to it */
};

/*
 * The kernel's own: parses `text`, sets the log level, and logs every complaint. Once, from kernel/main.c.
 */
void options_load(const char *text);

/* Constant after options_load; the defaults before. */
const struct options *options_current(void);

/* Hears of a word that was not taken: what is wrong with it, a constant string, and the word without its quotes. */
typedef void options_complain(const char *mistake, const char *word);

/*
 * The parser, which is pure. Fills *options from `text` (less than HANDOFF_COMMAND_LINE_BYTES; the rest is cut). Words
 * are separated by blanks; a value may hold blanks between double quotes. Of a word that is given twice the last one
 * counts.
 */
void options_parse(struct options *options, const char *text, options_complain *complain);

/* A decimal number from `least` to `most` (below 2^31) and nothing behind it. False: none; *number is as it was. */
bool options_parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *number) MUST_CHECK;

#endif
