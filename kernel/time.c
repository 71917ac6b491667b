/*
 * The TSC as a clock, and the local APIC's timer as an alarm.
 *
 *     CPUID 15h/16h, or HPET, or PM timer, or PIT  --calibrate-->  us_per_tick  -->  every time and every wait
 *     TSC deadline, or the APIC's counter          --arms-->       VECTOR_TIMER -->  ends one HLT
 *
 *     time_init    reads the clock until the TSC's rate is roughly known: some 10 us, for waits with a time-out
 *       |          the other CPUs start, the page array is filled ...
 *     time_settle  reads it again: over that long a window the rate is exact, and nobody has waited for it
 *
 * The TSC alone is read afterwards: it costs 20 ns, needs no lock and is at hand in a panic. That it runs at one rate
 * on all CPUs is true of every CPU of the last 15 years (`time` says if the CPU promises it).
 */
#include "kernel/time.h"

#include "drivers/pit.h"
#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"

#define ROUGH_ERROR_PPM 50000u
#define READ_TRIES      5u

/* A reference that has not moved far enough after so many TSC ticks (about a second) does not count. */
#define STALLED_TICKS ((uint64_t)1 << 32)

#define HZ_ASSUMED 1000000000u
#define US_PER_S   1000000u
#define TICK_SHIFT 44u /* us = tsc * us_per_tick >> 44: 10^6 << 44 still fits 64 bits, and the error is under 10^-9 */

/* The longest that one arming asks for; a longer sleep is armed again. Keeps the 32-bit counter from overflowing. */
#define ALARM_MAX_US 1000000u

/* Since time_init: what the TSC and the APIC's timer are measured over. */
static struct {
    const struct time_reference *references;
    unsigned reference_count;
    const struct time_reference *reference; /* one of them, or the PIT; NULL: tsc_hz is not measured */
    struct calibrate_reading start;
} window;

static uint64_t us_per_tick; /* << TICK_SHIFT; 0 before time_init */
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

/* All counters at one moment: the try that was interrupted least (by SMIs, by a hypervisor). */
static struct calibrate_reading read_all(const struct time_reference *reference)
{
    struct calibrate_reading best = {.slack_ticks = UINT64_MAX};
    for (unsigned i = 0; i < READ_TRIES; i++) {
        uint64_t before = cpu_tsc();
        uint64_t value = reference != NULL ? reference->read() : 0;
        uint32_t alarm = apic_timer_remaining();
        uint64_t slack_ticks = (cpu_tsc() - before) / 2 + 1;
        if (slack_ticks < best.slack_ticks)
            best = (struct calibrate_reading){before + slack_ticks, slack_ticks, value, alarm};
    }
    return best;
}

static void begin(const struct time_reference *reference)
{
    window.reference = reference;
    /* From its highest value: 32 bits last for seconds even at GHz. If it reaches 0 it seems slow: sleeps end early. */
    apic_timer_start(UINT32_MAX);
    window.start = read_all(reference);
}

/* Lengthens the window until it says enough. False: its reference stands still, whatever it did before. */
static bool measure(uint64_t error_ppm, struct calibrate_rate *rate)
{
    uint64_t began = cpu_tsc();
    uint64_t first = window.reference->read();
    while (cpu_tsc() - began < STALLED_TICKS) {
        struct calibrate_reading end = read_all(window.reference);
        if (end.value != first && calibrate_tsc(window.reference, &window.start, &end, rate) &&
            rate->error_ppm <= error_ppm)
            return true;
    }
    return false;
}

/* In a new window. False: there is no clock that counts. */
static bool measure_anew(uint64_t error_ppm, struct calibrate_rate *rate)
{
    static const struct time_reference pit = {"PIT", pit_counter, PIT_HZ, PIT_COUNTER_MASK};
    for (unsigned i = 0; i <= window.reference_count; i++) {
        bool last = i == window.reference_count;
        if (last)
            pit_start_counter();
        begin(last ? &pit : &window.references[i]);
        /* Below 1 MHz it is no TSC but a reference that lied. */
        if (measure(error_ppm, rate) && rate->tsc_hz >= US_PER_S) {
            facts.source = window.reference->name;
            return true;
        }
    }
    window.reference = NULL;
    return false;
}

static void use(const struct calibrate_rate *rate)
{
    facts.tsc_hz = rate->tsc_hz;
    facts.error_ppm = rate->error_ppm;
    us_per_tick = ((uint64_t)US_PER_S << TICK_SHIFT) / rate->tsc_hz;
}

/* ---- The alarm ---- */

static void timer_interrupt(void)
{
    __atomic_fetch_add(&facts.timer_interrupts, 1, __ATOMIC_RELAXED);
}

void time_init(const struct time_reference *references, unsigned count)
{
    irq_register(VECTOR_TIMER, timer_interrupt);
    window.references = references;
    window.reference_count = count;
    struct calibrate_rate rate = {.tsc_hz = frequency_by_cpuid(&facts.source)};
    if (rate.tsc_hz >= US_PER_S) {
        begin(NULL);
    } else if (!measure_anew(ROUGH_ERROR_PPM, &rate)) {
        rate = (struct calibrate_rate){.tsc_hz = HZ_ASSUMED};
        facts.source = "nothing";
        log_warn("time: no clock to calibrate the TSC with; 1 GHz assumed");
    }
    use(&rate);
}

/* The rate of the window so far, unless the reference wrapped, or stopped in the middle of it. */
static bool measure_on(struct calibrate_rate *rate)
{
    struct calibrate_rate rough = {facts.tsc_hz, facts.error_ppm};
    struct calibrate_reading now = read_all(window.reference);
    return !calibrate_is_over(window.reference, &window.start, &now, rough.tsc_hz) && measure(TIME_ERROR_PPM, rate) &&
           calibrate_agree(&rough, rate);
}

void time_settle(void)
{
    struct calibrate_rate rate;
    if (window.reference != NULL && (measure_on(&rate) || measure_anew(TIME_ERROR_PPM, &rate)))
        use(&rate);
    struct calibrate_reading end = read_all(window.reference);
    apic_timer_start(0);
    bool deadline = cpu_features()->tsc_deadline;
    facts.apic_timer_hz = deadline ? 0 : calibrate_alarm_hz(&window.start, &end, facts.tsc_hz);
    facts.timer = deadline ? "TSC deadline" : facts.apic_timer_hz != 0 ? "local APIC timer" : "none";
}

void time_wake_in_us(uint64_t duration_us)
{
    CHECK(!interrupts_enabled());
    uint64_t us = min_u64(duration_us, ALARM_MAX_US);
    if (cpu_features()->tsc_deadline)
        apic_timer_deadline(cpu_tsc() + us * facts.tsc_hz / US_PER_S + 1);
    else if (facts.apic_timer_hz != 0)
        /* + 1: a count of 0 would stop the timer instead of ending the sleep. */
        apic_timer_start((uint32_t)(us * facts.apic_timer_hz / US_PER_S) + 1);
}

struct time_facts time_facts(void)
{
    return facts;
}
