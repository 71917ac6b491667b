/* What this CPU can do, and its control registers. CPUID leaves: SDM 2, CPUID, tables 3-8 ff. */
#include "kernel/x86/cpu.h"

#include "kernel/base/string.h"

#define CPUID_BASIC             0x00000000u
#define CPUID_FEATURES          0x00000001u
#define CPUID_STRUCTURED        0x00000007u
#define CPUID_TOPOLOGY          0x0000000Bu
#define CPUID_EXTENDED          0x80000000u
#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_BRAND             0x80000002u /* to 0x80000004, 16 characters each */
#define CPUID_POWER             0x80000007u
#define CPUID_ADDRESS_SIZES     0x80000008u

static struct cpu_features features;

const struct cpu_features *cpu_features(void)
{
    return &features;
}

struct cpuid_result cpu_id(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result result;
    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(subleaf));
    return result;
}

static bool bit(uint32_t word, unsigned number)
{
    return (word >> number & 1) != 0;
}

static void detect_name(void)
{
    struct cpuid_result basic = cpu_id(CPUID_BASIC, 0);
    features.leaf_max = basic.eax;
    memcpy(features.vendor, &basic.ebx, 4);
    memcpy(features.vendor + 4, &basic.edx, 4);
    memcpy(features.vendor + 8, &basic.ecx, 4);
    if (cpu_id(CPUID_EXTENDED, 0).eax < CPUID_BRAND + 2)
        return;
    for (uint32_t i = 0; i < 3; i++) {
        struct cpuid_result part = cpu_id(CPUID_BRAND + i, 0);
        memcpy(features.brand + i * sizeof(part), &part, sizeof(part));
    }
}

/* Family and model: SDM 2, CPUID, figure 3-6. */
static void detect_basic(void)
{
    struct cpuid_result leaf = cpu_id(CPUID_FEATURES, 0);
    uint32_t family = leaf.eax >> 8 & 0xF;
    features.stepping = leaf.eax & 0xF;
    features.family = family == 0xF ? family + (leaf.eax >> 20 & 0xFF) : family;
    features.model = (leaf.eax >> 4 & 0xF) | (family == 0x6 || family == 0xF ? leaf.eax >> 12 & 0xF0 : 0);
    features.mce = bit(leaf.edx, 7);
    features.pge = bit(leaf.edx, 13);
    features.fxsr = bit(leaf.edx, 24);
    features.x2apic = bit(leaf.ecx, 21);
    features.tsc_deadline = bit(leaf.ecx, 24);
    features.hypervisor = bit(leaf.ecx, 31);
}

static void detect_structured(void)
{
    if (features.leaf_max < CPUID_STRUCTURED)
        return;
    struct cpuid_result leaf = cpu_id(CPUID_STRUCTURED, 0);
    features.smep = bit(leaf.ebx, 7);
    features.smap = bit(leaf.ebx, 20);
    features.umip = bit(leaf.ecx, 2);
}

static void detect_extended(void)
{
    uint32_t last = cpu_id(CPUID_EXTENDED, 0).eax;
    features.physical_bits = 36; /* SDM 3, 4.1.4: without the leaf */
    if (last >= CPUID_EXTENDED_FEATURES) {
        struct cpuid_result leaf = cpu_id(CPUID_EXTENDED_FEATURES, 0);
        features.nx = bit(leaf.edx, 20);
        features.gigabyte_pages = bit(leaf.edx, 26);
    }
    if (last >= CPUID_POWER)
        features.tsc_invariant = bit(cpu_id(CPUID_POWER, 0).edx, 8);
    if (last >= CPUID_ADDRESS_SIZES)
        features.physical_bits = (uint8_t)cpu_id(CPUID_ADDRESS_SIZES, 0).eax;
}

void cpu_detect(void)
{
    detect_name();
    detect_basic();
    detect_structured();
    detect_extended();
    features.la57 = (cpu_read_cr4() & CR4_LA57) != 0;
}

uint32_t cpu_initial_apic_id(void)
{
    if (features.leaf_max >= CPUID_TOPOLOGY) {
        struct cpuid_result leaf = cpu_id(CPUID_TOPOLOGY, 0);
        if (leaf.ebx != 0)
            return leaf.edx;
    }
    return cpu_id(CPUID_FEATURES, 0).ebx >> 24;
}

static uint64_t wanted_cr4(void)
{
    uint64_t value = CR4_PAE | (cpu_read_cr4() & CR4_LA57);
    value |= features.pge ? CR4_PGE : 0;
    value |= features.mce ? CR4_MCE : 0;
    value |= features.fxsr ? CR4_OSFXSR | CR4_OSXMMEXCPT : 0;
    value |= features.smep ? CR4_SMEP : 0;
    value |= features.smap ? CR4_SMAP : 0;
    value |= features.umip ? CR4_UMIP : 0;
    return value;
}

/*
 * CR4 before CR0: CR4.CET needs CR0.WP, and CR4 without CET needs nothing (SDM 3, 2.5). With PCIDE going off CR3's low
 * bits must be 0 or they would turn into cache flags; firmware that had it on used PCID 0.
 */
void cpu_init(void)
{
    cpu_write_cr4(wanted_cr4());
    cpu_write_cr0(CR0_KERNEL);
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
