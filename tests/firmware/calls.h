/*
 * Every call that the kernel makes of the firmware goes through here: counted, looked at, and perhaps replaced.
 *
 * Each pointer of both service tables, and of the console that the system table names, is patched to an entry of
 * calls.asm, which asks calls_arrive where to go on. The firmware uses the same tables for itself; what counts is the
 * return address: calls from the kernel's image are the kernel's, all others pass through untouched.
 *
 * Three phases: before the first ExitBootServices anything may be called. From then on until one succeeds, nothing but
 * GetMemoryMap and ExitBootServices. After that nothing but runtime services, SetVirtualAddressMap once, with
 * interrupts off. Each breach is said at once, by name, in a line that begins with "adversary: broken rule: ".
 *
 * Owns: the record of what was seen. It lies in runtime memory, so that it survives the exit.
 */
#ifndef KEEL_TESTS_FIRMWARE_CALLS_H
#define KEEL_TESTS_FIRMWARE_CALLS_H

#include "kernel/base/types.h"

#define CALLS_BOOT    44u /* pointers in struct efi_boot_services, in its order */
#define CALLS_RUNTIME 14u /* pointers in struct efi_runtime_services, behind them */
#define CALLS_CONSOLE 9u  /* pointers in struct efi_simple_text_output, behind those */
#define CALLS_COUNT   (CALLS_BOOT + CALLS_RUNTIME + CALLS_CONSOLE)
#define CALLS_NONE    UINT32_MAX

/* Patches the tables and writes their CRCs again. */
void calls_install(void);

/* From here on these bytes, and the upper half, are the kernel's. */
void calls_watch(uint64_t image_base, uint64_t image_bytes);

/* The service of that name ("GetTime"), or CALLS_NONE. */
uint32_t calls_find(const char *name);
const char *calls_name(uint32_t service);

/* The kernel's calls of `service` (which must exist) reach `function` instead of the firmware. */
void calls_replace(uint32_t service, uint64_t function);

/*
 * Gives the system table new service tables, as shim and OpenCore do. Calls through a pointer out of the old ones
 * still work, and are reported as stale.
 */
void calls_move_tables(void);

/* Moments of the exit, which begin a phase: ExitBootServices was called, and one has succeeded. */
void calls_exit_tried(void);
void calls_left(void);

/* Lines on the serial port: what was called, how often, and what was wrong with it. */
void calls_report(void);

#endif
