/*
 * The address space that the kernel finds: page tables of our own in place of the firmware's, 1:1, with what firmware
 * may forbid forbidden (UEFI 2.10, 2.3.4 promises a 1:1 map, and not what may be done in it).
 *
 *     read-only loader-data    from the exit on: where the kernel allocated its tables (A20)
 *     read-only boot-data      from the exit on: all but the stack that the kernel stands on (B36)
 *     read-only tables         from the exit on: these tables, and their bytes are compared later (D63)
 *     no-execute data          before the kernel starts: all memory but that of code (D75)
 *     absent page0             before the kernel starts (D76)
 *
 * Owns: the tables, in boot-services memory, where the firmware's are.
 */
#ifndef KEEL_TESTS_FIRMWARE_SPACE_H
#define KEEL_TESTS_FIRMWARE_SPACE_H

#include "kernel/base/types.h"

/* Takes memory when first called. False: no such wish, or no memory. */
bool space_wish(const char *how, const char *what);

/* Moments: the kernel is loaded but not started; ExitBootServices is about to be called, and has succeeded. */
void space_start(void);
void space_look(void);
void space_exit(void);

/* In SetVirtualAddressMap: says whether our tables are as we left them. */
void space_check(void);

#endif
