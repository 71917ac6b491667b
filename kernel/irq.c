/* Vectors and their handlers. */
#include "kernel/irq.h"

#include "kernel/base/check.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/percpu.h"
#include "kernel/x86/regs.h"

static irq_handler *handlers[256]; /* by vector; atomic */

void irq_register(uint8_t vector, irq_handler *handler)
{
    CHECK(vector >= VECTOR_EXCEPTIONS && handlers[vector] == NULL);
    __atomic_store_n(&handlers[vector], handler, __ATOMIC_RELEASE);
}

/*
 * A point of recovery belongs to what was interrupted, not to the handler. The APIC's spurious vector and those of the
 * 8259s are not in service anywhere, so they get no end of interrupt (SDM 3, 11.9).
 */
void irq_dispatch(uint8_t vector)
{
    struct percpu *cpu = this_cpu();
    struct recovery *interrupted = cpu->recovery;
    cpu->recovery = NULL;
    cpu->interrupt_count++;

    irq_handler *handler = __atomic_load_n(&handlers[vector], __ATOMIC_ACQUIRE);
    if (handler != NULL)
        handler();
    /* After the handler: the same vector does not come again while it runs. */
    if (vector >= VECTOR_CONSOLE && vector != VECTOR_SPURIOUS)
        apic_eoi();

    cpu->recovery = interrupted;
}
