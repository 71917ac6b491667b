/* All CPUs: that they answer, that each has what is its own, that time passes alike, that they forget translations. */
#include "kernel/base/string.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"

/* What one CPU says of itself. */
struct report {
    const struct percpu *block;
    uint64_t stack;
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    uint64_t pat;
};

/* One report a CPU, in memory of the heap: give_reports gives it back. */
static struct report *reports;
static uint32_t answer_count;

static void fill_report(void *unused)
{
    (void)unused;
    struct report *report = &reports[cpu_index()];
    *report = (struct report){
        .block = this_cpu(),
        .stack = vaddr_of(&report).value,
        .cr0 = cpu_read_cr0(),
        .cr3 = cpu_read_cr3(),
        .cr4 = cpu_read_cr4(),
        .efer = cpu_read_msr(MSR_EFER),
        .pat = cpu_read_msr(MSR_PAT),
    };
    __atomic_add_fetch(&answer_count, 1, __ATOMIC_SEQ_CST);
}

static bool take_reports(void)
{
    size_t size_bytes = smp_cpu_count() * sizeof(*reports);
    reports = heap_alloc(&kernel_mm.heap, memory_cache(), size_bytes);
    if (reports == NULL)
        return false;
    memset(reports, 0, size_bytes);
    answer_count = 0;
    return smp_run_on_all(fill_report, NULL) == STATUS_OK && answer_count == smp_cpu_count();
}

static void give_reports(void)
{
    heap_free(&kernel_mm.heap, memory_cache(), reports);
    reports = NULL;
}

static enum test_result test_answer(void)
{
    bool answered = take_reports();
    bool each = answered;
    for (unsigned i = 0; answered && i < smp_cpu_count(); i++)
        each = each && reports[i].block == smp_cpu(i) && reports[i].block->index == i;
    give_reports();
    TEST_ASSERT(answered);
    TEST_ASSERT(each);
    TEST_ASSERT(smp_missing_count() == 0);
    return TEST_PASSED;
}

static bool on_own_stack(const struct report *report)
{
    uint64_t top = report->block->stack_top.value;
    return report->stack < top && report->stack >= top - SMP_STACK_PAGES * PAGE_SIZE;
}

static bool shares_something(const struct percpu *a, const struct percpu *b)
{
    return a == b || a->apic_id == b->apic_id || a->stack_top.value == b->stack_top.value ||
           a->frame_cache == b->frame_cache || &a->segments == &b->segments;
}

static enum test_result test_own(void)
{
    bool answered = take_reports();
    unsigned shared = 0;
    unsigned lost = 0;
    for (unsigned i = 0; answered && i < smp_cpu_count(); i++) {
        lost += !on_own_stack(&reports[i]) || reports[i].block->frame_cache == NULL;
        for (unsigned other = 0; other < i; other++)
            shared += shares_something(reports[i].block, reports[other].block);
    }
    give_reports();
    TEST_ASSERT(answered);
    TEST_ASSERT(lost == 0);
    TEST_ASSERT(shared == 0);
    return TEST_PASSED;
}

/* Protection is on, and the same, everywhere: rule 13. */
static enum test_result test_registers(void)
{
    const struct cpu_features *cpu = cpu_features();
    uint64_t cr4_wanted = (cpu->smep ? CR4_SMEP : 0) | (cpu->smap ? CR4_SMAP : 0) | (cpu->umip ? CR4_UMIP : 0);
    bool answered = take_reports();
    unsigned wrong = 0;
    for (unsigned i = 0; answered && i < smp_cpu_count(); i++) {
        const struct report *report = &reports[i];
        wrong += (report->cr0 & CR0_WP) == 0 || (report->efer & EFER_NXE) == 0 || report->pat != PAT_VALUE;
        wrong += (report->cr4 & cr4_wanted) != cr4_wanted || report->cr4 != reports[0].cr4;
        wrong += (report->cr3 & CR3_ADDRESS_MASK) != kernel_mm.kernel_map.root.value;
    }
    give_reports();
    TEST_ASSERT(answered);
    TEST_ASSERT(wrong == 0);
    return TEST_PASSED;
}

/* ---- Time ---- */

static enum test_result test_timer(void)
{
    uint64_t before = time_facts().timer_interrupts;
    uint64_t start_us = time_now_us();
    time_sleep_us(10000);
    uint64_t slept_us = time_now_us() - start_us;
    TEST_ASSERT(time_facts().timer_interrupts > before);
    TEST_ASSERT(slept_us >= 10000);
    TEST_ASSERT(slept_us < 1000000); /* an emulator on a busy host may be this late, but no later */
    return TEST_PASSED;
}

/* Ticks of a clock that is not the TSC. */
static uint64_t other_clock(const struct machine *machine)
{
    return machine->has_hpet ? hpet_counter(&machine->hpet) : pm_timer_read(&machine->pm_timer);
}

static enum test_result test_clocks(void)
{
    const struct machine *machine = machine_facts();
    if (!machine->has_hpet && !machine->has_pm_timer)
        return tests_skip("no clock beside the TSC");
    uint64_t hertz = machine->has_hpet ? 1000000000000000ull / machine->hpet.period_fs : PM_TIMER_HZ;
    uint64_t mask = machine->has_hpet ? machine->hpet.counter_mask : machine->pm_timer.mask;
    uint64_t ticks = other_clock(machine);
    uint64_t start_us = time_now_us();
    time_delay_us(20000);
    ticks = (other_clock(machine) - ticks) & mask;
    uint64_t tsc_us = time_now_us() - start_us;
    uint64_t other_us = ticks * 1000000 / hertz;
    TEST_ASSERT(other_us * 2 >= tsc_us);
    TEST_ASSERT(tsc_us * 2 >= other_us);
    return TEST_PASSED;
}

/* ---- Translations ---- */

struct mapped {
    uint64_t address;
    uint32_t readers;
};

static void read_mapped(void *context)
{
    struct mapped *mapped = context;
    uint64_t value;
    if (recover_read(mapped->address, &value))
        __atomic_add_fetch(&mapped->readers, 1, __ATOMIC_SEQ_CST);
}

/* A page that every CPU has read, and so holds the translation of, is gone for every CPU once it is unmapped. */
static enum test_result test_shootdown(void)
{
    struct paddr frame = frame_alloc(memory_cache(), 0);
    TEST_ASSERT(frame.value != 0);
    const void *view = vspace_map_view(&kernel_mm.vspace, PRANGE(frame.value, frame.value + PAGE_SIZE));
    struct mapped mapped = {.address = vaddr_of(view).value};
    enum status before = view != NULL ? smp_run_on_all(read_mapped, &mapped) : STATUS_NO_MEMORY;
    uint32_t could = mapped.readers;
    mapped.readers = 0;
    if (view != NULL)
        vspace_unmap(&kernel_mm.vspace, view);
    enum status after = smp_run_on_all(read_mapped, &mapped);
    frame_free(memory_cache(), frame, 0);
    TEST_ASSERT(before == STATUS_OK && after == STATUS_OK);
    TEST_ASSERT(could == smp_cpu_count());
    TEST_ASSERT(mapped.readers == 0);
    return TEST_PASSED;
}

const struct test tests_cpus[] = {
    {"cpus-answer",    test_answer   },
    {"cpus-own",       test_own      },
    {"cpus-registers", test_registers},
    {"timer",          test_timer    },
    {"clocks",         test_clocks   },
    {"tlb-shootdown",  test_shootdown},
    {NULL,             NULL          },
};
