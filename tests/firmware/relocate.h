/*
 * Firmware tables in boot-services memory (catalogue B37): copies of the firmware's, or made up where it has none. The
 * kernel must know that they lie in memory that it is about to give away. And single tables of ACPI's, hidden or
 * changed where they lie.
 */
#ifndef KEEL_TESTS_FIRMWARE_RELOCATE_H
#define KEEL_TESTS_FIRMWARE_RELOCATE_H

#include "kernel/base/types.h"

/*
 * acpi (RSDP, XSDT and all that they reach), smbios, esrt, bgrt (with a picture), attributes, tpm-log, unknown (a GUID
 * that nobody knows). False: no such name, not there, or no memory.
 */
bool relocate_table(const char *name);

/* The ACPI table with that signature is there no more, under any name that is known. False: there is none. */
bool relocate_hide(const char *signature);

/* A little-endian field of that ACPI table ("DSDT" too) has that value. False: no such table, or it ends before. */
bool relocate_patch(const char *signature, uint64_t at, uint64_t size_bytes, uint64_t value);

/* Every name `from` in that table of AML is `to`, four letters each. False: there is none. */
bool relocate_rename(const char *signature, const char *from, const char *to);

/* These bytes of boot-services memory must outlive reclaim. `name` is cut to 11 letters. False: too many. */
bool relocate_keep(const char *name, const void *start, uint64_t size_bytes);

/* A line for each piece: where it is, how long, and the CRC-32 of what it holds now. For the moment of the exit. */
void relocate_tell(void);

#endif
