/*
 * Values that cross the border between the kernel and the firmware's runtime services: checked and converted.
 *
 * Rules: pure. Names of variables are UCS-2 with the firmware's promise of a terminator, which is not relied upon.
 */
#ifndef KEEL_KERNEL_RUNTIME_VALUE_H
#define KEEL_KERNEL_RUNTIME_VALUE_H

#include "kernel/base/efi.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* Whether every field of what GetTime said is in its range (UEFI 2.10, 8.3.1), the day within its month. */
bool runtime_value_time_valid(const struct efi_time *time);

/*
 * The name as ASCII, terminated, cut at capacity (not 0): what is not printable, or not ASCII, becomes '?'. Reads at
 * most name_chars characters.
 */
void runtime_value_text(char *text, size_t capacity, const uint16_t *name, size_t name_chars);

/* ASCII to a terminated name. STATUS_LIMIT: it does not fit. STATUS_INVALID: empty, or not printable ASCII. */
enum status runtime_value_name(uint16_t *name, size_t name_chars, const char *text) MUST_CHECK;

/* "8be4df61-93ca-11d2-aa0d-00e098032b8c" */
#define RUNTIME_VALUE_GUID_BYTES 37u
void runtime_value_guid(char text[RUNTIME_VALUE_GUID_BYTES], const struct efi_guid *guid);

/* What an EFI status means to a caller in the kernel. Errors that it can do nothing about are STATUS_DEVICE. */
enum status runtime_value_status(efi_status status);

#endif
