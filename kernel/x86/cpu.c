/*
 * What this CPU can do, and its control registers. CPUID leaves: SDM 2, CPUID, tables 3-8 ff.
 *
 *     boot CPU   boot/processor.c (known values) -> cpu_detect -> cpu_init      on the way into kernel_main
 *     others     trampoline (PAE, LME, NXE, PG)                -> cpu_init      from the boot CPU's features
 *
 * Rules: registers are written whole, from features, never bit by bit from what was there: what firmware left on (CET,
 * PKE, PCIDE, VMXE) would otherwise stay on, on the boot CPU alone.
 */
#include "kernel/x86/cpu.h"

#include "kernel/base/string.h"
#include "kernel/x86/errata.h"
#include "kernel/x86/recover.h"

static struct cpu_features features;
static bool is_intel;

const struct cpu_features *cpu_features(void)
{
    return &features;
}

static struct cpuid_result execute_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result result;
    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(subleaf));
    return result;
}

struct cpuid_result cpu_id(uint32_t leaf, uint32_t subleaf)
{
    /* Beyond the last leaf Intel's CPUs answer with some other leaf's numbers: asked first, hence zeros instead. */
    uint32_t last = execute_cpuid(leaf & CPUID_EXTENDED, 0).eax;
    return leaf <= last ? execute_cpuid(leaf, subleaf) : (struct cpuid_result){0};
}

static bool bit(uint32_t word, unsigned number)
{
    return (word >> number & 1) != 0;
}

static void detect_name(void)
{
    struct cpuid_result basic = cpu_id(CPUID_BASIC, 0);
    memcpy(features.vendor, &basic.ebx, 4);
    /* EBX, EDX, ECX, in this order: "Genu" "ineI" "ntel". */
    memcpy(features.vendor + 4, &basic.edx, 4);
    memcpy(features.vendor + 8, &basic.ecx, 4);
    is_intel = strcmp(features.vendor, "GenuineIntel") == 0;
    for (uint32_t i = 0; i < 3; i++) {
        struct cpuid_result part = cpu_id(CPUID_BRAND + i, 0);
        memcpy(features.brand + i * sizeof(part), &part, sizeof(part));
    }
}

void cpu_detect(void)
{
    struct cpuid_result basic = cpu_id(CPUID_FEATURES, 0);
    struct cpuid_result structured = cpu_id(CPUID_STRUCTURED, 0);
    struct cpuid_result extended = cpu_id(CPUID_EXTENDED_FEATURES, 0);
    detect_name();
    features.signature = basic.eax;
    features.mce = bit(basic.edx, 7);
    features.pge = bit(basic.edx, 13);
    features.fxsr = bit(basic.edx, 24);
    features.x2apic = bit(basic.ecx, 21);
    features.tsc_deadline = bit(basic.ecx, 24);
    features.hypervisor = bit(basic.ecx, 31);
    features.smep = bit(structured.ebx, 7);
    features.smap = bit(structured.ebx, 20);
    features.umip = bit(structured.ecx, 2);
    features.cet_stacks = bit(structured.ecx, 7);
    features.cet_branches = bit(structured.edx, 20);
    features.lass = bit(cpu_id(CPUID_STRUCTURED, 1).eax, 6);
    features.nx = bit(extended.edx, 20);
    features.gigabyte_pages = bit(extended.edx, 26);
    features.tsc_invariant = bit(cpu_id(CPUID_POWER, 0).edx, 8);
    /* What is in force, not what the CPU could do: LA57 cannot change while paging is on. */
    features.la57 = (cpu_read_cr4() & CR4_LA57) != 0;
}

/* SDM 3, 11.11.7.1: CPUID loads the revision, into what was 0 before. AMD's can only be read (PATCH_LEVEL). */
static void read_microcode(void *value)
{
    if (is_intel)
        cpu_write_msr(MSR_MICROCODE, 0);
    (void)cpu_id(CPUID_FEATURES, 0);
    *(uint64_t *)value = cpu_read_msr(MSR_MICROCODE);
}

uint32_t cpu_microcode(void)
{
    struct recovery recovery;
    uint64_t value = 0;
    (void)recover_call(&recovery, read_microcode, &value); /* a hypervisor may have no such register */
    return (uint32_t)(is_intel ? value >> 32 : value);
}

static void read_immunities(void *value)
{
    *(uint64_t *)value = cpu_read_msr(MSR_ARCH_CAPABILITIES);
}

void cpu_detect_errata(uint32_t microcode)
{
    struct recovery recovery;
    if (bit(cpu_id(CPUID_STRUCTURED, 0).edx, 29))
        (void)recover_call(&recovery, read_immunities, &features.immunities);
    if (!features.hypervisor)
        features.errata = errata_find(features.vendor, features.signature, microcode);
    features.tsc_deadline &= (features.errata & ERRATUM_TSC_DEADLINE) == 0;
}

/*
 * boot/ took everything off the boot CPU that firmware had on; the others come from INIT, which clears CR4 (SDM 3,
 * table 10-1), and from a trampoline that writes it and EFER whole.
 */
void cpu_init(void)
{
    uint64_t cr4 = CR4_PAE | (features.la57 ? CR4_LA57 : 0);
    cr4 |= features.pge ? CR4_PGE : 0;
    cr4 |= features.mce ? CR4_MCE : 0;
    cr4 |= features.fxsr ? CR4_OSFXSR | CR4_OSXMMEXCPT : 0;
    cr4 |= features.smep ? CR4_SMEP : 0;
    cr4 |= features.smap ? CR4_SMAP : 0;
    cr4 |= features.umip ? CR4_UMIP : 0;
    cpu_write_cr4(cr4);
    cpu_write_cr0(CR0_KERNEL);
    /* LME and LMA as they are: clearing LME with paging on is a #GP. */
    uint64_t efer = cpu_read_msr(MSR_EFER) & (EFER_LME | EFER_LMA);
    cpu_write_msr(MSR_EFER, efer | (features.nx ? EFER_NXE : 0));
    cpu_write_msr(MSR_PAT, PAT_VALUE);
    cpu_write_cr3(cpu_read_cr3()); /* SDM 3, 12.12.4: translations made under another PAT go */
}

void cpu_enter_stack(void (*function)(void), struct vaddr top)
{
    /* As a call would leave it: 32 bytes of shadow space, then a return address; 0 ends every backtrace. */
    uint64_t *stack = (uint64_t *)vaddr_pointer(top) - 5;
    *stack = 0;
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "jmpq *%1"
                     :
                     : "r"(stack), "r"(function)
                     : "memory");
    __builtin_unreachable();
}

void cpu_halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt" : : : "memory");
}
