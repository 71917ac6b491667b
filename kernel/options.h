/*
 * The kernel's command line, taken apart.
 *
 *     run="mem; cpus" test=NAME|all log=debug|info|warn|error cpus=N keep-boot-services noruntime nokaslr font=NAME
 *
 * Owns: struct options, a value with copies of all texts; nothing points into the command line afterwards.
 * Rules: bounded by the sizes below. The command line is input from outside: a word that is unknown, has a bad value,
 * or ends inside a quote becomes a complaint, which is printed and never silently dropped. The words that are right
 * count all the same.
 */
#ifndef KEEL_KERNEL_OPTIONS_H
#define KEEL_KERNEL_OPTIONS_H

#include "kernel/base/types.h"
#include "kernel/log.h"

#define OPTIONS_RUN_BYTES      512u /* terminators included, here and below */
#define OPTIONS_NAME_BYTES     32u
#define OPTIONS_WORD_BYTES     40u
#define OPTIONS_COMPLAINTS_MAX 8u
#define OPTIONS_CPUS_MAX       65535u

enum options_reason {
    OPTIONS_UNKNOWN,      /* no such word */
    OPTIONS_NO_VALUE,     /* NAME alone, or NAME= with nothing behind it, where a value must be */
    OPTIONS_EXTRA_VALUE,  /* a switch was given a value */
    OPTIONS_BAD_VALUE,    /* not a number, not one of the words, out of range */
    OPTIONS_TOO_LONG,     /* the value does not fit; nothing of it was taken */
    OPTIONS_UNTERMINATED, /* the text ends inside a quote; the value was not taken */
    OPTIONS_REASON_COUNT
};

struct options_complaint {
    enum options_reason reason;
    char word[OPTIONS_WORD_BYTES]; /* its beginning, without control characters */
};

struct options {
    char run[OPTIONS_RUN_BYTES];   /* "": none */
    char test[OPTIONS_NAME_BYTES]; /* "": none, "all", or a test's name */
    char font[OPTIONS_NAME_BYTES]; /* "": the default */
    enum log_level log;            /* LOG_INFO unless told */
    uint32_t cpus;                 /* 0: all that there are */
    bool keep_boot_services;
    bool noruntime;
    bool nokaslr;
    struct options_complaint complaints[OPTIONS_COMPLAINTS_MAX];
    uint32_t complaint_count; /* all of them; the array holds the first OPTIONS_COMPLAINTS_MAX */
};

/*
 * The kernel's own: parses `text`, sets the log level, and logs every complaint. Once, from kernel/main.c.
 */
void options_load(const char *text);

/* Constant after options_load; the defaults before. */
const struct options *options_current(void);

/*
 * The parser (options_parse.c), which is pure. Fills *options from `text` (terminated; NULL is an empty line). Words
 * are separated by blanks; a value may hold blanks between double quotes. Of a word that is given twice the last one
 * counts. A first word that ends in ".efi" is the program's own name, which the UEFI shell puts there, and is passed
 * over.
 */
void options_parse(struct options *options, const char *text);

/* "unknown word", "needs a value", ...: a constant string, for a complaint's reason. */
const char *options_reason_text(enum options_reason reason);

#endif
