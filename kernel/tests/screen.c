/*
 * How the CPUs cache the frame buffer: read from the page tables and from each CPU's PAT, whatever mm/paging.c and
 * kernel/x86/regs.h believe of them. WC in the PAT wins over every type of the MTRRs (SDM 3, table 12-7).
 */
#include "kernel/display.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "kernel/tests/tests.h"
#include "kernel/tests/walk.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/regs.h"

#define PAT_WRITE_COMBINING 1u /* SDM 3, table 12-10 */

static uint64_t seen_bytes;
static unsigned seen_index;
static uint32_t wrong_cpus;

static bool visit_pixels(const struct walk_leaf *leaf)
{
    struct prange pixels = display_range();
    if (!prange_overlaps(leaf->target, pixels))
        return true;
    seen_bytes += prange_bytes(prange_intersect(leaf->target, pixels));
    seen_index = leaf->pat_index;
    return (cpu_read_msr(MSR_PAT) >> (8 * leaf->pat_index) & 0xFF) == PAT_WRITE_COMBINING;
}

static void check_pat(void *unused)
{
    (void)unused;
    if ((cpu_read_msr(MSR_PAT) >> (8 * seen_index) & 0xFF) != PAT_WRITE_COMBINING)
        __atomic_fetch_add(&wrong_cpus, 1, __ATOMIC_RELAXED);
}

/* All of the frame buffer is mapped once, and write-combining on every CPU. */
enum test_result test_combining(void)
{
    if (prange_empty(display_range()))
        return tests_skip("no screen");
    seen_bytes = 0;
    wrong_cpus = 0;
    TEST_ASSERT(walk_kernel_map(visit_pixels));
    TEST_ASSERT(seen_bytes == prange_bytes(display_range()));
    TEST_ASSERT(smp_run_on_all(check_pat, NULL) == STATUS_OK);
    TEST_ASSERT(wrong_cpus == 0);
    return TEST_PASSED;
}
