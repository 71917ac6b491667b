/*
 * Calling a function of the firmware in its own address space (UEFI 2.10, 8.1 and 2.3.4).
 *
 * Around the call: interrupts off, the caller's page tables replaced by `root` (which shares the kernel's upper half),
 * an own stack, CR0.TS clear, x87 and SSE state saved and restored. A fault inside comes back here as `false`.
 * Rules: one call at a time (kernel/runtime.c holds the lock); every pointer passed must be mapped in `root`.
 */
#ifndef KEEL_X86_FIRMWARE_CALL_H
#define KEEL_X86_FIRMWARE_CALL_H

#include "kernel/base/types.h"
#include "kernel/x86/recover.h"

#define FIRMWARE_CALL_ARGUMENTS 5u

/* The leading fields are read by firmware_call.asm by offset. */
struct firmware_call {
    struct paddr root;
    struct vaddr stack_top; /* 16-byte aligned, in the upper half, with a guard page below */
    uint64_t function;
    uint64_t arguments[FIRMWARE_CALL_ARGUMENTS];
    /* out: */
    uint64_t result;          /* what the function returned, an EFI status; valid when firmware_call is true */
    uint64_t returned_flags;  /* RFLAGS as the firmware left them */
    struct recovery fault;    /* how it ended, when firmware_call is false */
    bool interrupts_enabled;  /* the firmware came back with interrupts on; they were put back off */
};
_Static_assert(offsetof(struct firmware_call, root) == 0, "firmware_call.asm");
_Static_assert(offsetof(struct firmware_call, stack_top) == 8, "firmware_call.asm");
_Static_assert(offsetof(struct firmware_call, function) == 16, "firmware_call.asm");
_Static_assert(offsetof(struct firmware_call, arguments) == 24, "firmware_call.asm");
_Static_assert(offsetof(struct firmware_call, result) == 64, "firmware_call.asm");
_Static_assert(offsetof(struct firmware_call, returned_flags) == 72, "firmware_call.asm");
_Static_assert(offsetof(struct firmware_call, fault) == 80, "firmware_call.asm");

/* Calls. The interrupt flag is the caller's again afterwards, whatever the firmware did. */
bool firmware_call(struct firmware_call *call);

/* The half in assembly. For firmware_call.c alone. */
bool firmware_call_enter(struct firmware_call *call);

#endif
