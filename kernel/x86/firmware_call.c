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
    CHECK(cpu->recovery == NULL);
    call->returned_flags = 0;
    cpu->recovery = &call->fault;
    bool returned = firmware_call_enter(call);
    cpu->recovery = NULL;
    call->interrupts_enabled = (call->returned_flags & RFLAGS_IF) != 0;
    interrupts_restore(flags);
    return returned;
}
