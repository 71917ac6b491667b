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
_Static_assert(offsetof(struct recovery, rsp) == 0, "recover.asm");
_Static_assert(offsetof(struct recovery, rip) == 8, "recover.asm");

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

/* Where a call returns to, and the registers by their numbers in instructions: RAX 0 ... RSP 4, RBP 5 ... R15 15. */
struct recover_context {
    uint64_t rip;
    uint64_t registers[16];
};
_Static_assert(offsetof(struct recover_context, registers) == 8, "recover.asm");

/*
 * The caller's registers as they are on return from this, which is what backtraces without a trap begin with. Of those
 * that a call does not preserve (Microsoft x64 convention) the caller learns what it holds, not what they meant before.
 */
void recover_capture(struct recover_context *context);

#endif
