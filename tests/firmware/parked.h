/*
 * The other CPUs, parked where they must not be: after the exit they run, from a page below 1 MiB, a loop that counts
 * in boot-services memory. A kernel that gives that memory away before it has stopped them has it changed under its
 * feet.
 */
#ifndef KEEL_TESTS_FIRMWARE_PARKED_H
#define KEEL_TESTS_FIRMWARE_PARKED_H

#include "kernel/base/types.h"

/* Takes both pages. False: there is none. */
bool parked_prepare(void);

/* Starts the loop on every other CPU, if parked_prepare was called. */
void parked_start(void);

#endif
