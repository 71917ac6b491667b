/* Vectors and their handlers. */
#include "kernel/irq.h"

#include "kernel/base/check.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/percpu.h"
#include "kernel/x86/regs.h"

struct line {
    irq_handler *handler;
    void *context;
};

static struct {
    struct line lines[256 - VECTOR_EXCEPTIONS]; /* by vector */
    uint8_t next;                               /* first device vector that is not taken */
    uint64_t unexpected_count;
} irq = {.next = VECTOR_DEVICE_FIRST};

uint8_t irq_allocate(void)
{
    return irq.next <= VECTOR_DEVICE_LAST ? irq.next++ : 0;
}

void irq_register(uint8_t vector, irq_handler *handler, void *context)
{
    CHECK(vector >= VECTOR_EXCEPTIONS);
    struct line *line = &irq.lines[vector - VECTOR_EXCEPTIONS];
    CHECK(line->handler == NULL);
    line->context = context;
    __atomic_store_n(&line->handler, handler, __ATOMIC_RELEASE);
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

    struct line *line = &irq.lines[vector - VECTOR_EXCEPTIONS];
    irq_handler *handler = __atomic_load_n(&line->handler, __ATOMIC_ACQUIRE);
    if (handler != NULL)
        handler(line->context);
    else
        __atomic_fetch_add(&irq.unexpected_count, 1, __ATOMIC_RELAXED);
    if (vector >= VECTOR_DEVICE_FIRST && vector != VECTOR_SPURIOUS)
        apic_eoi();

    cpu->recovery = interrupted;
}

uint64_t irq_unexpected_count(void)
{
    return __atomic_load_n(&irq.unexpected_count, __ATOMIC_RELAXED);
}
