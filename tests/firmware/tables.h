/*
 * Configuration tables that lie: the memory-attributes table (4.6.4), EFI_RT_PROPERTIES (4.6.2), or none at all.
 *
 * A false memory-attributes table is a copy of the firmware's in boot-services memory, where EDK2 keeps its own.
 */
#ifndef KEEL_TESTS_FIRMWARE_TABLES_H
#define KEEL_TESTS_FIRMWARE_TABLES_H

#include "kernel/base/types.h"

/* Removes the table of that name: acpi, smbios, attributes, esrt. False: no such name. */
bool tables_remove(const char *name);

/* Of the memory-attributes table. False: the firmware has none, or no memory. */
bool tables_attributes_move(void);              /* nothing but its place is another */
bool tables_attributes_count(uint64_t count);   /* how many entries it claims to have */
bool tables_attributes_stride(uint64_t stride); /* how long it claims that they are */
bool tables_attributes_version(uint64_t version);
bool tables_attributes_open(void);                /* every entry may be written and executed */
bool tables_attributes_span(uint64_t page_count); /* every entry is that much longer */

/* EFI_RT_PROPERTIES with that mask. */
bool tables_runtime_supported(uint64_t mask);

#endif
