/* The C half of recover.h: this CPU's one point of recovery. */
#include "kernel/x86/recover.h"

#include "kernel/base/check.h"
#include "kernel/x86/percpu.h"

bool recover_call(struct recovery *recovery, void (*function)(void *), void *argument)
{
    struct percpu *cpu = this_cpu();
    /* Does not nest: the outer point would be lost, and with it the way back. */
    CHECK(cpu->recovery == NULL);
    cpu->recovery = recovery;
    bool returned = recover_enter(recovery, function, argument);
    cpu->recovery = NULL;
    return returned;
}
