/*
 * Bad luck: what becomes of EFI_RNG_PROTOCOL (UEFI 2.10, 37.5), whether this firmware has it or not.
 *
 * Owns: the wish of `rng ...`. LocateProtocol gives the kernel ours, or none.
 */
#ifndef KEEL_TESTS_FIRMWARE_RNG_H
#define KEEL_TESTS_FIRMWARE_RNG_H

#include "kernel/base/types.h"

/* absent; fails, with an error and half of the buffer written; constant: zeros, and success. False: no such wish. */
bool rng_wish(const char *what);

#endif
