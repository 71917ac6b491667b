/* The C half of firmware_call.h: the interrupt flag and the point of recovery around the crossing. */
#include "kernel/x86/firmware_call.h"

#include "kernel/base/check.h"
#include "kernel/x86/interrupts.h"
#include "kernel/x86/percpu.h"

bool firmware_call(struct firmware_call *call)
{
    CHECK(call->stack_top.value % 16 == 0);
    CHECK(call->root.value % PAGE_SIZE == 0);
    uint64_t flags = interrupts_save_and_disable();
    struct percpu *cpu = this_cpu();
    /* One point of recovery a CPU: a call inside recover_call would lose the outer one. */
    CHECK(cpu->recovery == NULL);
    call->returned_flags = 0;
    cpu->recovery = &call->fault;
    /* GS is still ours inside, which trap.c needs: EFI code has no use for segments (2.3.4). */
    bool returned = firmware_call_enter(call);
    cpu->recovery = NULL;
    call->interrupts_enabled = (call->returned_flags & RFLAGS_IF) != 0;
    /* The caller's flag, whatever the firmware came back with (firmware-quirk 59). */
    interrupts_restore(flags);
    return returned;
}
