/* The C half of recover.h: this CPU's one point of recovery. */
#include "kernel/x86/recover.h"

#include "kernel/base/check.h"
#include "kernel/x86/percpu.h"

_Static_assert(offsetof(struct recovery, rsp) == 0, "recover.asm");
_Static_assert(offsetof(struct recovery, rip) == 8, "recover.asm");
_Static_assert(offsetof(struct recover_context, r15) == 72, "recover.asm");

bool recover_call(struct recovery *recovery, void (*function)(void *), void *argument)
{
    struct percpu *cpu = this_cpu();
    CHECK(cpu->recovery == NULL);
    cpu->recovery = recovery;
    bool returned = recover_enter(recovery, function, argument);
    cpu->recovery = NULL;
    return returned;
}
