/*
 * The kernel's command line: from LoadOptions, else from \keel\cmdline.txt on the volume that we were loaded from (the
 * other way round on U-Boot, whose LoadOptions are Linux's unless someone set them).
 */
#ifndef KEEL_BOOT_COMMAND_LINE_H
#define KEEL_BOOT_COMMAND_LINE_H

#include "boot/boot.h"

/* Always ends with a terminator. `mended`: something was cut or is not ASCII (it became '?'). */
struct command_line {
    char text[HANDOFF_COMMAND_LINE_BYTES];
    size_t length;
    bool mended;
};

/*
 * From LoadOptions, which should be UTF-16 but need not be anything: boot managers put GUIDs and device paths there.
 * STATUS_NOT_FOUND: nothing that is text, or only spaces. A first word that ends in ".efi" is the UEFI shell's name
 * for us and is left out.
 */
MUST_CHECK enum status command_line_from_options(const void *options, uint64_t size_bytes, struct command_line *out);

/* From a file in ASCII or UTF-8, line ends as spaces. STATUS_NOT_FOUND: only spaces. */
MUST_CHECK enum status command_line_from_file(const uint8_t *bytes, uint64_t size_bytes, struct command_line *out);

/* Whether this word stands in the line; quoted text like run="nokaslr" is no word nokaslr. */
bool command_line_has(const char *line, const char *word);

/* Phase F: looks in both places and fills handoff->command_line. */
void command_line_gather(struct boot *boot);

#endif
