/* Reading the MTRRs: SDM 3, 12.11.1 and 12.11.2. */
#include "kernel/x86/mtrr.h"

#include "kernel/x86/cpu.h"

#define CPUID_FEATURES 0x1u
#define CPUID_EDX_MTRR (1u << 12)

#define MSR_MTRR_CAP      0x0FEu
#define MSR_MTRR_DEF_TYPE 0x2FFu
#define MSR_MTRR_BASE     0x200u     /* + 2 * number; the mask is the next one */
#define MTRR_COUNT_MASK   0xFFu      /* of MSR_MTRR_CAP */
#define MTRR_TYPE_MASK    0xFFu      /* of a base, and of MSR_MTRR_DEF_TYPE */
#define MTRR_ENABLE       (1u << 11) /* of MSR_MTRR_DEF_TYPE */
#define MTRR_VALID        (1u << 11) /* of a mask */
#define MTRR_ADDRESS_MASK 0x000FFFFFFFFFF000ull

enum { MTRR_UC = 0, MTRR_WC = 1, MTRR_WT = 4, MTRR_WP = 5, MTRR_WB = 6, MTRR_TYPES };

static const char *const type_names[MTRR_TYPES] = {
    [MTRR_UC] = "UC", [MTRR_WC] = "WC", [MTRR_WT] = "WT", [MTRR_WP] = "WP", [MTRR_WB] = "WB"};

/* Where ranges overlap, UC wins, then WT (12.11.4.1); of other combinations, which are undefined, the smaller. */
static uint64_t type_at(uint64_t address, uint64_t default_type)
{
    uint64_t type = MTRR_TYPES;
    uint32_t count = (uint32_t)(cpu_read_msr(MSR_MTRR_CAP) & MTRR_COUNT_MASK);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t base = cpu_read_msr(MSR_MTRR_BASE + 2 * i);
        uint64_t mask = cpu_read_msr(MSR_MTRR_BASE + 2 * i + 1);
        if ((mask & MTRR_VALID) != 0 && ((address ^ base) & mask & MTRR_ADDRESS_MASK) == 0)
            type = min_u64(type, base & MTRR_TYPE_MASK);
    }
    return type != MTRR_TYPES ? type : default_type;
}

const char *mtrr_type_name(struct paddr address)
{
    if ((cpu_id(CPUID_FEATURES, 0).edx & CPUID_EDX_MTRR) == 0)
        return "off";
    uint64_t defaults = cpu_read_msr(MSR_MTRR_DEF_TYPE);
    if ((defaults & MTRR_ENABLE) == 0)
        return "UC"; /* 12.11.2.1: all of memory */
    uint64_t type = type_at(address.value, defaults & MTRR_TYPE_MASK);
    return type < MTRR_TYPES && type_names[type] != NULL ? type_names[type] : "reserved";
}
