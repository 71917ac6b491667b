/*
 * The CPU between firmware and kernel: see processor.h. Registers are written whole, never changed bit by bit: U-Boot
 * comes with NXE and WP off, other firmware with much on. What CR4 may hold then, and what would come of it:
 *
 *     CET          #CP at the first far return, on the second stack: off already in enter_stack
 *     LA57         tables of four levels are none: stays, and we build five
 *     LASS         no access to the low half, in which we stand: off here; firmware that runs 1:1 cannot have it on
 *     SMAP, SMEP   none, with firmware's supervisor pages; off until the kernel's own tables (cpu_init)
 *     PKE, PKS     keys in our entries are 0, but nobody knows what key 0 may: off
 *     PCIDE        CR3's low bits are a PCID: off; they are cache flags until processor_use_tables writes them as 0
 *     FRED         exceptions come by another way than the IDT: off
 *     VMXE, UMIP, OSXSAVE, FSGSBASE, DE, TSD ...   none; off, so that every CPU is alike
 */
#include "boot/processor.h"

#include "boot/boot.h"
#include "boot/instruction.h"
#include "boot/say.h"
#include "kernel/base/bits.h"
#include "kernel/x86/regs.h"

/* SDM volume 2, CPUID. */
#define CPUID_PHYSICAL_BITS  0xFFu      /* CPUID_ADDRESS_SIZES, EAX */
#define CPUID_GIGABYTE_PAGES (1u << 26) /* CPUID_EXTENDED_FEATURES, EDX */
#define CPUID_RDRAND         (1u << 30) /* CPUID_FEATURES, ECX */

#define RDRAND_TRIES 10u /* SDM volume 1, 7.3.17.1: ten failures in a row mean that it is broken */

/* Where firmware's 1:1 half ends with 4 levels of page tables, and where every entry's address ends (SDM 3, 4.5). */
#define LOW_HALF_END      BIT(47)
#define ENTRY_ADDRESS_END BIT(52)
#define PHYSICAL_BITS_MIN 36u /* where a CPU without leaf 80000008H ends */

/* Machine checks stay as firmware has them: some guests may not turn them off. The rest is the kernel's to add. */
#define CR4_ALWAYS (CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT)
#define CR4_KEPT   (CR4_LA57 | CR4_MCE)

/* Leaves are 1 and 80000001H, the bits are of EDX. */
static const struct feature {
    uint32_t leaf;
    uint32_t bit;
    char name[8];
} required_features[] = {
    {CPUID_FEATURES, 4, "TSC"},   {CPUID_FEATURES, 5, "MSR"},   {CPUID_FEATURES, 9, "APIC"},
    {CPUID_FEATURES, 13, "PGE"},  {CPUID_FEATURES, 16, "PAT"},  {CPUID_FEATURES, 24, "FXSR"},
    {CPUID_FEATURES, 26, "SSE2"}, {CPUID_EXTENDED_FEATURES, 20, "NX"},
};

static uint32_t cpuid(uint32_t leaf, unsigned which)
{
    uint32_t registers[INSTRUCTION_CPUID_REGISTERS];
    instruction_cpuid(leaf, 0, registers);
    return registers[which];
}

static uint64_t physical_end(void)
{
    bool told = cpuid(CPUID_EXTENDED, INSTRUCTION_EAX) >= CPUID_ADDRESS_SIZES;
    uint32_t bits = told ? cpuid(CPUID_ADDRESS_SIZES, INSTRUCTION_EAX) & CPUID_PHYSICAL_BITS : PHYSICAL_BITS_MIN;
    return bits < 52 ? BIT(bits) : ENTRY_ADDRESS_END;
}

unsigned processor_paging_levels(void)
{
    return (instruction_read_cr4() & CR4_LA57) != 0 ? 5 : 4;
}

bool processor_check(struct boot *boot)
{
    for (size_t i = 0; i < ARRAY_COUNT(required_features); i++) {
        if ((cpuid(required_features[i].leaf, INSTRUCTION_EDX) >> required_features[i].bit & 1) == 0)
            return say_refusal(boot->system_table, "this CPU has no %s, which the kernel needs",
                               required_features[i].name);
    }
    boot->gigabyte_pages = (cpuid(CPUID_EXTENDED_FEATURES, INSTRUCTION_EDX) & CPUID_GIGABYTE_PAGES) != 0;
    /* An address that the CPU has no wires for, or that is not canonical, must not reach the page-table code. */
    boot->address_limit = processor_paging_levels() == 5 ? physical_end() : min_u64(physical_end(), LOW_HALF_END);
    return true;
}

bool processor_random(uint64_t *words, unsigned count)
{
    bool good = (cpuid(CPUID_FEATURES, INSTRUCTION_ECX) & CPUID_RDRAND) != 0;
    for (unsigned i = 0; i < count && good; i++) {
        good = instruction_random(&words[i]);
        for (unsigned tries = 1; tries < RDRAND_TRIES && !good; tries++)
            good = instruction_random(&words[i]);
    }
    return good;
}

/* What firmware left on goes off here (see above). */
void processor_take_over(void)
{
    instruction_write_cr4((instruction_read_cr4() & CR4_KEPT) | CR4_ALWAYS);
    /* Whole: SCE and whatever AMD bits firmware set go off. LMA is read-only and must be written as it is. */
    instruction_write_msr(MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    instruction_write_msr(MSR_PAT, PAT_VALUE);
    instruction_write_cr0(CR0_KERNEL & ~CR0_WP);
}

void processor_use_tables(uint64_t root)
{
    instruction_write_cr3(root);
    instruction_write_cr0(CR0_KERNEL);
}
