/*
 * What a service does to its caller instead of, or before, doing its work.
 *
 * Any service may do any harm: `call GetTime pf`, `call SetVirtualAddressMap boot-code`. Owns: who does what, two
 * pieces of boot-services memory of ours: one with a pattern, to see whether it is intact, and one with code; and a
 * page of runtime memory behind a pointer that is never converted.
 */
#ifndef KEEL_TESTS_FIRMWARE_HARM_H
#define KEEL_TESTS_FIRMWARE_HARM_H

#include "kernel/base/types.h"

/* Takes the pieces of memory. False: there is none. */
bool harm_prepare(void);

/* From now on `service` does the harm of that name; harms add up. False: no such harm. */
bool harm_add(uint32_t service, const char *name);

/*
 * Does what was asked of `service`, which was called on a stack with its return address at `stack`. Returns the address
 * of a function to run instead of it, or 0.
 */
uint64_t harm_do(uint32_t service, uint64_t stack);

/* Whether our boot-services memory is still what it was. Faults where it is not mapped. */
bool harm_boot_memory_intact(void);

#endif
