/* Reading the MTRRs: SDM 3, 12.11.1 and 12.11.2. */
#include "kernel/x86/mtrr.h"

#include "kernel/x86/cpu.h"

#define CPUID_EDX_MTRR    (1u << 12) /* CPUID_FEATURES */
#define MTRR_COUNT_MASK   0xFFu      /* of MSR_MTRR_CAP */
#define MTRR_TYPE_MASK    0x07u      /* of a base, and of MSR_MTRR_DEF_TYPE */
#define MTRR_ENABLE       (1u << 11) /* of MSR_MTRR_DEF_TYPE */
#define MTRR_VALID        (1u << 11) /* of a mask */
#define MTRR_ADDRESS_MASK 0x000FFFFFFFFFF000ull

#define MTRR_TYPE_NONE     8u /* none of the registers says anything; types have 3 bits */

static const char names[8][3] = {"UC", "WC", "??", "??", "WT", "WP", "WB", "??"};

const char *mtrr_type_name(struct paddr address)
{
    if ((cpu_id(CPUID_FEATURES, 0).edx & CPUID_EDX_MTRR) == 0)
        return "off";
    uint64_t defaults = cpu_read_msr(MSR_MTRR_DEF_TYPE);
    if ((defaults & MTRR_ENABLE) == 0)
        return names[0]; /* 12.11.2.1: all of memory */
    uint64_t type = MTRR_TYPE_NONE;
    uint32_t count = (uint32_t)(cpu_read_msr(MSR_MTRR_CAP) & MTRR_COUNT_MASK);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t base = cpu_read_msr(MSR_MTRR_BASE + 2 * i);
        uint64_t mask = cpu_read_msr(MSR_MTRR_BASE + 2 * i + 1);
        /* Of ranges that overlap UC wins, then WT (12.11.4.1); of others, which are undefined, the smaller number. */
        if ((mask & MTRR_VALID) != 0 && ((address.value ^ base) & mask & MTRR_ADDRESS_MASK) == 0)
            type = min_u64(type, base & MTRR_TYPE_MASK);
    }
    return names[type != MTRR_TYPE_NONE ? type : defaults & MTRR_TYPE_MASK];
}
