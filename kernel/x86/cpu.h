/*
 * The CPU that executes this: what it can do, its registers, its counter.
 *
 * Owns: the boot CPU's features, which stand for every CPU (no machine mixes CPUs that differ in these; one that lacked
 * a bit of CR4 would fault in cpu_init), and the control-register state that all CPUs share.
 * Rules: instructions live in kernel/x86 only. cpu_detect comes before everything else that asks cpu_features.
 */
#ifndef KEEL_X86_CPU_H
#define KEEL_X86_CPU_H

#include "kernel/base/types.h"
#include "kernel/x86/interrupts.h"
#include "kernel/x86/io.h"
#include "kernel/x86/regs.h"

struct cpu_features {
    char vendor[13];
    char brand[49];          /* empty when the CPU has none */
    uint32_t signature;      /* family, model and stepping as CPUID packs them: SDM 2, CPUID, figure 3-6 */
    bool hypervisor;
    bool x2apic;
    bool tsc_deadline;
    bool tsc_invariant;      /* ticks at one rate in every power state */
    bool gigabyte_pages;
    bool nx;
    bool pge;
    bool mce;
    bool fxsr;
    bool smep;
    bool smap;
    bool umip;
    bool la57;               /* five levels of page tables are in force, as the firmware left them */
    bool cet_stacks;         /* the CPU could have shadow stacks; not used */
    bool cet_branches;       /* ... track indirect branches; not used */
    bool lass;               /* ... keep the kernel out of the low half; not used */
    uint32_t errata;         /* enum erratum bits: errata.h; 0 under a hypervisor */
    uint64_t immunities;     /* IA32_ARCH_CAPABILITIES: SDM 4, table 2-2; 0 without */
};

/* Reads CPUID and CR4. Once, on the boot CPU. */
void cpu_detect(void);

/*
 * What asks MSRs that may not be there: errata and immunities, and tsc_deadline goes where it does not work. Once, on
 * the boot CPU, when faults can be recovered from; `microcode` is cpu_microcode's.
 */
void cpu_detect_errata(uint32_t microcode);

/* The boot CPU's; constant after cpu_detect_errata. */
const struct cpu_features *cpu_features(void);

/* The revision of this CPU's microcode; 0 when it tells none. Faults can be recovered from. */
uint32_t cpu_microcode(void);

/*
 * Writes CR0, CR4 (whole; CET, PKE, PCIDE and whatever else firmware had on goes off, LA57 stays), EFER and the PAT of
 * this CPU: WP, NX, and PGE, SMEP, SMAP, UMIP, MCE, OSFXSR as far as the CPU has them.
 */
void cpu_init(void);

/* Runs `function`, which never returns, on the stack that ends at `top` (16-byte aligned). The old stack is lost. */
NORETURN void cpu_enter_stack(void (*function)(void), struct vaddr top);

/* Stops this CPU for ever, interrupts off; only NMI and SMI still reach it, and it halts again after them. */
NORETURN void cpu_halt_forever(void);

struct cpuid_result {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

/* SDM 2, CPUID. All zeros for a leaf that this CPU does not have. */
struct cpuid_result cpu_id(uint32_t leaf, uint32_t subleaf);

static inline uint64_t cpu_read_msr(uint32_t msr)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void cpu_write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* Time-stamp counter. Not ordered with the loads and stores around it. */
static inline uint64_t cpu_tsc(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t cpu_read_cr0(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr0, %0" : "=r"(value));
    return value;
}

static inline uint64_t cpu_read_cr2(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr2, %0" : "=r"(value));
    return value;
}

static inline uint64_t cpu_read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr3, %0" : "=r"(value) : : "memory");
    return value;
}

static inline uint64_t cpu_read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr0(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr0" : : "r"(value) : "memory");
}

static inline void cpu_write_cr3(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(value) : "memory");
}

static inline void cpu_write_cr4(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

/* Forgets this CPU's translation of the page that holds `address`, global or not. */
static inline void cpu_invalidate_page(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

#endif
