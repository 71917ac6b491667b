/*
 * The TSC as a clock, and the local APIC's timer as an alarm.
 *
 *     CPUID 15h/16h, or HPET, or PM timer, or PIT  --calibrate once-->  us_per_tick  -->  every time and every wait
 *     TSC deadline, or the APIC's counter          --arms-->            VECTOR_TIMER -->  ends one HLT
 *
 * The TSC alone is read afterwards: it costs 20 ns, needs no lock and is at hand in a panic. That it runs at one rate
 * on all CPUs is true of every CPU of the last 15 years (`time` says if the CPU promises it).
 */
#include "kernel/time.h"

#include "drivers/pit.h"
#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/irq.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"

/* CPUID leaves: SDM 2, CPUID; SDM 3, 19.7.3. */
#define CPUID_TSC_RATIO 0x15u
#define CPUID_FREQUENCY 0x16u

#define CALIBRATION_MS  10u
#define READ_TRIES      5u

/* A reference that has not moved far enough after so many TSC ticks (about a second) does not count. */
#define STALLED_TICKS ((uint64_t)1 << 32)

#define HZ_ASSUMED 1000000000u
#define US_PER_S   1000000u
#define TICK_SHIFT 44u /* us = tsc * us_per_tick >> 44: 10^6 << 44 still fits 64 bits, and the error is under 10^-9 */

/* The longest that one arming asks for; a longer sleep is armed again. Keeps the 32-bit counter from overflowing. */
#define ALARM_MAX_US 1000000u

static uint64_t us_per_tick; /* << TICK_SHIFT; 0 before time_init */
static bool has_alarm;       /* something can wake a CPU */
static struct time_facts facts;

/* ---- The clock ---- */

uint64_t time_us_of_tsc(uint64_t tsc)
{
    return (uint64_t)((unsigned __int128)tsc * us_per_tick >> TICK_SHIFT);
}

uint64_t time_now_us(void)
{
    return time_us_of_tsc(cpu_tsc());
}

uint64_t time_deadline(uint64_t from_now_us)
{
    return time_now_us() + from_now_us;
}

bool time_after(uint64_t deadline)
{
    return time_now_us() >= deadline;
}

void time_delay_us(uint64_t duration_us)
{
    /* One more, because the microsecond under way when this begins does not count. */
    uint64_t deadline = time_deadline(duration_us + 1);
    while (!time_after(deadline))
        cpu_relax();
}

/* ---- Calibration ---- */

/*
 * Leaf 15H is exact when it tells the crystal's frequency. Leaf 16H is the marketing frequency, which the TSC of CPUs
 * that have it runs at; a hypervisor may pass on that of another machine.
 */
static uint64_t frequency_by_cpuid(const char **source)
{
    struct cpuid_result ratio = cpu_id(CPUID_TSC_RATIO, 0);
    *source = "CPUID 15h";
    if (ratio.eax != 0 && ratio.ebx != 0 && ratio.ecx != 0)
        return (uint64_t)ratio.ecx * ratio.ebx / ratio.eax;
    *source = "CPUID 16h";
    return cpu_features()->hypervisor ? 0 : (uint64_t)(cpu_id(CPUID_FREQUENCY, 0).eax & 0xFFFF) * 1000000u;
}

struct reading {
    uint64_t tsc;
    uint64_t value;
};

/* Both counters at one moment: the try that was interrupted least (by SMIs, by a hypervisor). */
static struct reading read_both(const struct time_reference *reference)
{
    struct reading best = {0};
    uint64_t best_ticks = UINT64_MAX;
    for (unsigned i = 0; i < READ_TRIES; i++) {
        uint64_t before = cpu_tsc();
        uint64_t value = reference->read();
        uint64_t ticks = cpu_tsc() - before;
        if (ticks < best_ticks) {
            best_ticks = ticks;
            best = (struct reading){before + ticks / 2, value};
        }
    }
    return best;
}

/* 0: the reference stands still. */
static uint64_t frequency_against(const struct time_reference *reference)
{
    uint64_t wanted = reference->frequency_hz * CALIBRATION_MS / 1000;
    uint64_t passed = 0;
    struct reading start = read_both(reference);
    struct reading end = start;
    /*
     * The counter may wrap (the PM timer after 4.7 s, the PIT after 55 ms), so only differences modulo its width count.
     */
    while (passed < wanted) {
        if (end.tsc - start.tsc > STALLED_TICKS)
            return 0;
        end = read_both(reference);
        passed = (end.value - start.value) & reference->mask;
    }
    return (end.tsc - start.tsc) * reference->frequency_hz / passed;
}

static enum status calibrate_tsc(const struct time_reference *references, unsigned count)
{
    uint64_t hz = frequency_by_cpuid(&facts.source);
    for (unsigned i = 0; i < count && hz == 0; i++) {
        facts.source = references[i].name;
        hz = frequency_against(&references[i]);
    }
    if (hz == 0) {
        static const struct time_reference pit = {"PIT", pit_counter, PIT_HZ, PIT_COUNTER_MASK};
        facts.source = pit.name;
        pit_start_counter();
        hz = frequency_against(&pit);
    }
    /* Below 1 MHz it is no TSC but a reference that lied. */
    bool known = hz >= US_PER_S;
    if (!known)
        facts.source = "nothing";
    facts.tsc_hz = known ? hz : HZ_ASSUMED;
    us_per_tick = ((uint64_t)US_PER_S << TICK_SHIFT) / facts.tsc_hz;
    return known ? STATUS_OK : STATUS_UNSUPPORTED;
}

/* ---- The alarm ---- */

static void timer_interrupt(void)
{
    __atomic_fetch_add(&facts.timer_interrupts, 1, __ATOMIC_RELAXED);
}

/* 0: it stands still. */
static uint64_t apic_timer_frequency(void)
{
    uint64_t flags = interrupts_save_and_disable();
    uint64_t start = cpu_tsc();
    /* From its highest value, for 10 ms: 32 bits last for seconds even at GHz, so it does not reach 0. */
    apic_timer_start(UINT32_MAX);
    time_delay_us(CALIBRATION_MS * 1000);
    uint64_t counted = UINT32_MAX - apic_timer_remaining();
    uint64_t ticks = cpu_tsc() - start;
    apic_timer_start(0);
    interrupts_restore(flags);
    return counted * facts.tsc_hz / ticks;
}

enum status time_init(const struct time_reference *references, unsigned count)
{
    enum status status = calibrate_tsc(references, count);
    irq_register(VECTOR_TIMER, timer_interrupt);
    bool deadline = cpu_features()->tsc_deadline;
    facts.apic_timer_hz = deadline ? 0 : apic_timer_frequency();
    has_alarm = deadline || facts.apic_timer_hz != 0;
    facts.timer = deadline ? "TSC deadline" : has_alarm ? "local APIC timer" : "none";
    return status;
}

void time_wake_in_us(uint64_t duration_us)
{
    CHECK(!interrupts_enabled());
    if (!has_alarm)
        return;
    uint64_t us = min_u64(duration_us, ALARM_MAX_US);
    if (facts.apic_timer_hz == 0)
        apic_timer_deadline(cpu_tsc() + us * facts.tsc_hz / US_PER_S + 1);
    else
        /* + 1: a count of 0 would stop the timer instead of ending the sleep. */
        apic_timer_start((uint32_t)(us * facts.apic_timer_hz / US_PER_S) + 1);
}

struct time_facts time_facts(void)
{
    return facts;
}
