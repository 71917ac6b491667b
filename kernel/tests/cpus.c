/*
 * All CPUs: that they answer, that each has what is its own, that time passes alike, that they forget translations.
 *
 * A check runs on every CPU at once and only counts; the boot CPU asserts. TEST_ASSERT prints, and what prints on four
 * CPUs reads badly; worse, a CPU that returned early would leave the others uncounted.
 */
#include "kernel/base/string.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"

/* What the CPUs say of themselves. */
static uint32_t answer_count;
static uint32_t wrong_count;

static void answer(bool wrong)
{
    __atomic_add_fetch(&wrong_count, wrong, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&answer_count, 1, __ATOMIC_SEQ_CST);
}

/* Runs check(argument) on every CPU; each answers once, whether something is wrong with it. */
static enum test_result ask_all(void (*check)(void *), void *argument)
{
    answer_count = 0;
    wrong_count = 0;
    TEST_ASSERT(smp_run_on_all(check, argument) == STATUS_OK);
    TEST_ASSERT(answer_count == smp_cpu_count());
    TEST_ASSERT(wrong_count == 0);
    return TEST_PASSED;
}

/* The block that GS leads to is the one that smp.c has for this index. */
static void check_block(void *unused)
{
    (void)unused;
    answer(this_cpu() != smp_cpu(cpu_index()));
}

enum test_result test_answer(void)
{
    TEST_ASSERT(smp_facts().missing_count == 0);
    return ask_all(check_block, NULL);
}

/* On the stack of its block, which shares nothing with those before it. */
static void check_own(void *unused)
{
    (void)unused;
    const struct percpu *cpu = this_cpu();
    uint64_t top = cpu->stack_top.value;
    uint64_t here = vaddr_of(&cpu).value;
    bool wrong = here >= top || here < top - SMP_STACK_PAGES * PAGE_SIZE || cpu->memory == NULL;
    for (unsigned i = 0; i < cpu->index; i++) {
        const struct percpu *other = smp_cpu(i);
        wrong |= other == cpu || other->apic_id == cpu->apic_id || other->stack_top.value == top ||
                 other->memory == cpu->memory;
    }
    answer(wrong);
}

enum test_result test_own(void)
{
    return ask_all(check_own, NULL);
}

/* The control registers are those that this machine's features ask for, and the same as the boot CPU's. */
static void check_registers(void *boot_cr4)
{
    const struct cpu_features *cpu = cpu_features();
    uint64_t cr4 = cpu_read_cr4();
    uint64_t cr4_wanted = (cpu->smep ? CR4_SMEP : 0) | (cpu->smap ? CR4_SMAP : 0) | (cpu->umip ? CR4_UMIP : 0);
    answer((cr4 & cr4_wanted) != cr4_wanted || cr4 != *(const uint64_t *)boot_cr4 || (cpu_read_cr0() & CR0_WP) == 0 ||
           (cpu_read_msr(MSR_EFER) & EFER_NXE) == 0 || cpu_read_msr(MSR_PAT) != PAT_VALUE ||
           (cpu_read_cr3() & CR3_ADDRESS_MASK) != kernel_mm.kernel_map.root.value);
}

/* Protection is on, and the same, everywhere: rule 13. */
enum test_result test_registers(void)
{
    uint64_t cr4 = cpu_read_cr4();
    return ask_all(check_registers, &cr4);
}

/* ---- Time ---- */

/* Sleeping ends by an interrupt, not too early and not far too late. */
enum test_result test_timer(void)
{
    TEST_ASSERT(strcmp(time_facts().timer, "none") != 0); /* or nothing would end the sleep */
    uint64_t before = time_facts().timer_interrupts;
    uint64_t start_us = time_now_us();
    interrupts_disable();
    for (uint64_t now = start_us; now < start_us + 10000; now = time_now_us()) {
        /* Armed with interrupts off, which come on with the HLT: the alarm cannot be missed in between. */
        time_wake_in_us(start_us + 10000 - now);
        interrupts_enable_and_halt();
        interrupts_disable();
    }
    interrupts_enable();
    uint64_t slept_us = time_now_us() - start_us;
    TEST_ASSERT(time_facts().timer_interrupts > before);
    TEST_ASSERT(slept_us >= 10000);
    TEST_ASSERT(slept_us < 1000000); /* an emulator on a busy host may be this late, but no later */
    return TEST_PASSED;
}

/*
 * The TSC was measured as exactly as promised, and agrees with a clock of the chipset by a factor of two: what an
 * emulator's busy host does between two reads is in no bound here.
 */
enum test_result test_clocks(void)
{
    TEST_ASSERT(time_facts().error_ppm <= TIME_ERROR_PPM);
    if (machine_facts()->clock_count == 0)
        return tests_skip("no clock beside the TSC");
    const struct time_reference *other = &machine_facts()->clocks[0];
    uint64_t ticks = other->read();
    uint64_t start_us = time_now_us();
    time_delay_us(20000);
    ticks = (other->read() - ticks) & other->mask;
    uint64_t tsc_us = time_now_us() - start_us;
    uint64_t other_us = ticks * 1000000 / other->frequency_hz;
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
enum test_result test_shootdown(void)
{
    struct paddr frame = frame_alloc(memory_cache(), 0);
    TEST_ASSERT(frame.value != 0);
    /* A mapping of its own, because pages of the direct map are large and are never unmapped. */
    const void *view = vspace_map_view(&kernel_mm.vspace, PRANGE(frame.value, frame.value + PAGE_SIZE));
    struct mapped mapped = {.address = vaddr_of(view).value};
    enum status before = view != NULL ? smp_run_on_all(read_mapped, &mapped) : STATUS_NO_MEMORY;
    uint32_t could = mapped.readers;
    mapped.readers = 0;
    if (view != NULL)
        vspace_unmap(&kernel_mm.vspace, view);
    enum status after = smp_run_on_all(read_mapped, &mapped);
    /* Asserts last: a test leaves the machine as it found it, failed or not. */
    frame_free(memory_cache(), frame, 0);
    TEST_ASSERT(before == STATUS_OK && after == STATUS_OK);
    TEST_ASSERT(could == smp_cpu_count());
    TEST_ASSERT(mapped.readers == 0);
    return TEST_PASSED;
}
