/*
 * The local APIC in x2APIC mode before the kernel runs, as firmware of machines with many CPUs leaves it: who then
 * reads the memory-mapped registers reads ones, and cannot go back without turning the APIC off.
 */
#ifndef KEEL_TESTS_FIRMWARE_X2APIC_H
#define KEEL_TESTS_FIRMWARE_X2APIC_H

#include "kernel/base/types.h"

/* Wanted; says so, or that this CPU has none. */
void x2apic_prepare(void);

/* Switches the boot CPU, if x2apic_prepare found that it can. After the exit: the firmware has done with its timer. */
void x2apic_start(void);

#endif
