/*
 * Coming back from a fault: three ways to run something that may trap, without a panic.
 *
 * A CPU has one point of recovery at a time, percpu.recovery. kernel/trap.c, on an exception with one set, fills in
 * what happened, clears percpu.recovery and returns from the trap to (rip, rsp) of the point instead of to the fault.
 */
#ifndef KEEL_X86_RECOVER_H
#define KEEL_X86_RECOVER_H

#include "kernel/base/types.h"

/* rsp and rip lead: recover.asm and firmware_call.asm store them by offset. */
struct recovery {
    uint64_t rsp;
    uint64_t rip;
    /* filled in by the trap: */
    uint64_t vector;
    uint64_t error;
    uint64_t fault_rip;
    uint64_t fault_address; /* CR2; of meaning for page faults only */
};

/*
 * Runs function(argument) with `recovery` as this CPU's point of recovery. True: it returned. False: it trapped, and
 * `recovery` says how; whatever it held or changed half way stays so. Does not nest.
 */
bool recover_call(struct recovery *recovery, void (*function)(void *), void *argument);

/* The half in assembly: stores `recovery`'s rsp and rip, calls. For recover.c alone. */
bool recover_enter(struct recovery *recovery, void (*function)(void *), void *argument);

/* Reads 8 bytes wherever `address` may point, also while another recovery is set. False: nothing readable there. */
bool recover_read(uint64_t address, uint64_t *value);

/* The instruction in recover_read that may fault, and where to go on if it does: for kernel/trap.c alone. */
extern const uint8_t recover_read_access[];
extern const uint8_t recover_read_fault[];

/* Registers that survive a call (Microsoft x64 convention), and where the call returns to. */
struct recover_context {
    uint64_t rip;
    uint64_t rsp;
    uint64_t rbx;
    uint64_t rbp;
    uint64_t rsi;
    uint64_t rdi;
    uint64_t r12;
    uint64_t r13;
    uint64_t r14;
    uint64_t r15;
};

/* The caller's registers as they are on return from this. For backtraces without a trap. */
void recover_capture(struct recover_context *context);

#endif
