/*
 * Where the kernel is to live: each of its parts anywhere in its window (mm/layout.h), or where it is linked if the
 * command line says nokaslr.
 *
 * Owns: the pool of entropy. What is random in it: what EFI_RNG gave (37.5), RDRAND, and the TSC at each step of the
 * boot, whose low bits depend on what disks and firmware took. The first two may be absent, the third never is.
 */
#ifndef KEEL_BOOT_KASLR_H
#define KEEL_BOOT_KASLR_H

#include "boot/boot.h"

/* Phase F: asks the firmware, and the CPU. */
void kaslr_gather(struct boot *boot);

/* Phase N, with the last map: fills handoff->layout and stack_cookie. */
void kaslr_choose(struct boot *boot);

/* The line has the word nokaslr; quoted text like run="nokaslr" is none. */
bool kaslr_refused(const char *command_line);

#endif
