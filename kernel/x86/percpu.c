/* How a block becomes current. */
#include "kernel/x86/percpu.h"

#include "kernel/x86/cpu.h"

/* Loading the selector clears the base on some CPUs (APM 2, 4.5.3) and keeps firmware's on others: selector first. */
void percpu_use(struct percpu *cpu)
{
    cpu->self = cpu;
    __asm__ volatile("movw %w0, %%fs\n\tmovw %w0, %%gs" : : "r"(SELECTOR_NULL));
    cpu_write_msr(MSR_GS_BASE, vaddr_of(cpu).value);
}
