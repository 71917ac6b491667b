/*
 * Firmware tables in boot-services memory (catalogue B37): copies of the firmware's, or made up where it has none. The
 * kernel must know that they lie in memory that it is about to give away.
 */
#ifndef KEEL_TESTS_FIRMWARE_RELOCATE_H
#define KEEL_TESTS_FIRMWARE_RELOCATE_H

#include "kernel/base/types.h"

/* acpi (RSDP, XSDT and all that they reach), smbios, esrt. False: unknown, not there, or no memory. */
bool relocate_table(const char *name);

#endif
