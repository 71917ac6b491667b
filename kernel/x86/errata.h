/*
 * Known errors of CPUs that this kernel would run into, by model, stepping and microcode.
 *
 * Rules: a constant table and a pure function. What comes of each erratum stands in errata_texts. What needs something
 * that this kernel never turns on is not listed: INVLPG with PCIDs (ADL063, RPL042), MWAIT that sleeps through a store
 * (AAJ72, APL30). Only for CPUs themselves: a hypervisor works around what its CPU has, and tells its guests any model
 * and microcode.
 */
#ifndef KEEL_X86_ERRATA_H
#define KEEL_X86_ERRATA_H

#include "kernel/base/types.h"

enum erratum {
    ERRATUM_TSC_DEADLINE = 1u << 0, /* a TSC deadline may pass without an interrupt: not used (cpu_detect_errata) */
};
#define ERRATA_COUNT 1u

/*
 * The errata that a CPU of that signature (CPUID.1:EAX; SDM 2, CPUID, figure 3-6) has with that microcode: bits of enum
 * erratum. Revision 0, which is "unknown", mends nothing. CPUs of other vendors than Intel have none of these.
 */
uint32_t errata_find(const char *vendor, uint32_t signature, uint32_t microcode);

/* The name of an erratum and what comes of it, by the number of its bit. */
extern const char *const errata_texts[ERRATA_COUNT];

#endif
