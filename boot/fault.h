/*
 * Catching faults in phase N: our own GDT, TSS and IDT, and a call that comes back even if the callee faults.
 *
 * Owns: the tables of both, the stack on which every handler runs. They stay in force until the kernel loads its own.
 */
#ifndef KEEL_BOOT_FAULT_H
#define KEEL_BOOT_FAULT_H

#include "kernel/base/types.h"

/*
 * A fault that nothing contains ends in failure_halt; an interrupt that firmware's code lets in is dropped without an
 * acknowledgement, and leaves interrupts off in what it interrupted. Interrupts are off.
 */
void fault_install(void);

/* fault.asm knows the offsets. */
struct fault_call {
    uint64_t function;     /* EFIAPI, up to four arguments */
    uint64_t arguments[4];
    uint64_t result;       /* what it returned, or, when it faulted: */
    uint64_t vector;
    uint64_t error_code;
    uint64_t rip;
};
_Static_assert(offsetof(struct fault_call, result) == 40, "fault.asm");
_Static_assert(offsetof(struct fault_call, rip) == 64, "fault.asm");

/* fault.asm: the code of each exception's entry, and the one for interrupts and NMI. For fault.c. */
#define FAULT_ENTRIES     32u
#define FAULT_ENTRY_BYTES 16u
extern const uint8_t fault_entries[FAULT_ENTRIES][FAULT_ENTRY_BYTES];
extern const uint8_t fault_interrupt[];

/* True: it returned. False: it faulted; its stack frames are gone. Interrupts are off and DF is clear either way. */
bool fault_contain(struct fault_call *call);

#endif
