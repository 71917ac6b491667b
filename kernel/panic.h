/*
 * The end: cause, registers and backtrace on every console and in QR codes, saved for the next boot, the other CPUs
 * stopped, a verdict for QEMU.
 *
 * Rules: takes no lock, allocates nothing, survives a fault of its own (it then goes on with what comes next). The
 * first line is always "panic: ...". check_failed (kernel/base/check.h) is defined here.
 */
#ifndef KEEL_KERNEL_PANIC_H
#define KEEL_KERNEL_PANIC_H

#include "kernel/base/types.h"
#include "kernel/x86/trap_frame.h"

NORETURN void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An exception that nobody expected. */
NORETURN void panic_trap(const struct trap_frame *frame);

/* From the NMI handler alone: does not return if a panic elsewhere wants this CPU stopped. */
void panic_stop_if_asked(void);

#endif
