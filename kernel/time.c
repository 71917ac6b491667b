/* The TSC as a clock, and the local APIC's timer as an alarm. */
#include "kernel/time.h"

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/irq.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"

/* CPUID leaves: SDM 2, CPUID; SDM 3, 19.7.3. */
#define CPUID_TSC_RATIO 0x15u
#define CPUID_FREQUENCY 0x16u

/* The PIT's channel 2, whose gate is ours to open (Intel 8254; port 0x61 as in the PC/AT). */
#define PIT_COMMAND         0x43u
#define PIT_CHANNEL2        0x42u
#define PIT_HZ              1193182u
#define PIT_COUNT_FROM_MAX  0xB0u /* channel 2, low then high byte, mode 0 */
#define PIT_LATCH           0x80u /* channel 2 */
#define SPEAKER_PORT        0x61u
#define SPEAKER_GATE        0x01u
#define SPEAKER_SOUND       0x02u

#define CALIBRATION_MS  10u
#define READ_TRIES      5u

/* A reference that has not moved far enough after so many TSC ticks (about a second) does not count. */
#define STALLED_TICKS ((uint64_t)1 << 32)

#define HZ_ASSUMED  1000000000u
#define US_PER_S    1000000u
#define TICK_SHIFT  44u /* us = tsc * us_per_tick >> 44: 10^6 << 44 still fits 64 bits, and the error is under 10^-9 */
#define RATIO_SHIFT 28u /* tsc = us * ticks_per_us >> 28 */

/* The longest that one arming asks for; a longer sleep is armed again. Keeps the 32-bit counter from overflowing. */
#define ALARM_MAX_US 1000000u

static struct {
    uint64_t us_per_tick;  /* << TICK_SHIFT */
    uint64_t ticks_per_us; /* << RATIO_SHIFT */
    bool alarm;            /* something can wake a CPU */
    struct time_facts facts;
} clock;

/* ---- The clock ---- */

static uint64_t scale(uint64_t value, uint64_t factor, unsigned shift)
{
    return (uint64_t)((unsigned __int128)value * factor >> shift);
}

static void set_frequency(uint64_t tsc_hz, const char *source)
{
    clock.facts.tsc_hz = tsc_hz;
    clock.facts.source = source;
    clock.us_per_tick = ((uint64_t)US_PER_S << TICK_SHIFT) / tsc_hz;
    clock.ticks_per_us = (tsc_hz << RATIO_SHIFT) / US_PER_S;
}

uint64_t time_us_of_tsc(uint64_t tsc)
{
    return scale(tsc, clock.us_per_tick, TICK_SHIFT);
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
    uint64_t start = cpu_tsc();
    uint64_t ticks = scale(duration_us, clock.ticks_per_us, RATIO_SHIFT);
    while (cpu_tsc() - start < ticks)
        cpu_relax();
}

/* ---- Calibration ---- */

/*
 * Leaf 15H is exact when it tells the crystal's frequency. Leaf 16H is the marketing frequency, which the TSC of CPUs
 * that have it runs at; a hypervisor may pass on that of another machine.
 */
static uint64_t frequency_by_cpuid(const char **source)
{
    const struct cpu_features *cpu = cpu_features();
    if (cpu->leaf_max >= CPUID_TSC_RATIO) {
        struct cpuid_result ratio = cpu_id(CPUID_TSC_RATIO, 0);
        *source = "CPUID 15h";
        if (ratio.eax != 0 && ratio.ebx != 0 && ratio.ecx != 0)
            return (uint64_t)ratio.ecx * ratio.ebx / ratio.eax;
    }
    if (cpu->leaf_max >= CPUID_FREQUENCY && !cpu->hypervisor) {
        *source = "CPUID 16h";
        return (uint64_t)(cpu_id(CPUID_FREQUENCY, 0).eax & 0xFFFF) * 1000000u;
    }
    return 0;
}

struct reading {
    uint64_t tsc;
    uint64_t reference;
};

/* Both counters at one moment: the try that was interrupted least (by SMIs, by a hypervisor). */
static struct reading read_both(const struct time_reference *reference)
{
    struct reading best = {0};
    uint64_t best_ticks = UINT64_MAX;
    for (unsigned i = 0; i < READ_TRIES; i++) {
        uint64_t before = cpu_tsc();
        uint64_t value = reference->read(reference->context);
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
    struct reading start = read_both(reference);
    uint64_t passed;
    do {
        passed = (reference->read(reference->context) - start.reference) & reference->mask;
        if (cpu_tsc() - start.tsc > STALLED_TICKS)
            return 0;
    } while (passed < wanted);
    struct reading end = read_both(reference);
    passed = (end.reference - start.reference) & reference->mask;
    return (end.tsc - start.tsc) * reference->frequency_hz / passed;
}

/* Counts down, so its negative counts up. */
static uint64_t read_pit(void *unused)
{
    (void)unused;
    io_write8(PIT_COMMAND, PIT_LATCH);
    uint32_t low = io_read8(PIT_CHANNEL2);
    uint32_t high = io_read8(PIT_CHANNEL2);
    return 0 - (uint64_t)(high << 8 | low);
}

static void start_pit(void)
{
    uint8_t speaker = io_read8(SPEAKER_PORT) & (uint8_t)~SPEAKER_SOUND;
    io_write8(SPEAKER_PORT, speaker | SPEAKER_GATE);
    io_write8(PIT_COMMAND, PIT_COUNT_FROM_MAX);
    io_write8(PIT_CHANNEL2, 0xFF);
    io_write8(PIT_CHANNEL2, 0xFF);
}

static enum status calibrate_tsc(const struct time_reference *references, unsigned count)
{
    const char *source = "";
    uint64_t hz = frequency_by_cpuid(&source);
    for (unsigned i = 0; i < count && hz == 0; i++) {
        source = references[i].name;
        hz = frequency_against(&references[i]);
    }
    if (hz == 0) {
        struct time_reference pit = {"PIT", read_pit, NULL, PIT_HZ, 0xFFFF};
        source = pit.name;
        start_pit();
        hz = frequency_against(&pit);
    }
    bool known = hz >= US_PER_S;
    set_frequency(known ? hz : HZ_ASSUMED, known ? source : "nothing");
    return known ? STATUS_OK : STATUS_UNSUPPORTED;
}

/* ---- The alarm ---- */

static void timer_interrupt(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&clock.facts.timer_interrupts, 1, __ATOMIC_RELAXED);
}

static void calibrate_apic_timer(void)
{
    uint64_t flags = interrupts_save_and_disable();
    uint64_t start = cpu_tsc();
    apic_timer_start(UINT32_MAX);
    time_delay_us(CALIBRATION_MS * 1000);
    uint64_t counted = UINT32_MAX - apic_timer_remaining();
    uint64_t ticks = cpu_tsc() - start;
    apic_timer_start(0);
    interrupts_restore(flags);
    clock.facts.apic_timer_hz = counted * clock.facts.tsc_hz / ticks;
    clock.alarm = clock.facts.apic_timer_hz != 0;
    clock.facts.timer = clock.alarm ? "local APIC timer" : "none";
}

enum status time_init(const struct time_reference *references, unsigned count)
{
    enum status status = calibrate_tsc(references, count);
    clock.facts.tsc_invariant = cpu_features()->tsc_invariant;
    irq_register(VECTOR_TIMER, timer_interrupt, NULL);
    if (cpu_features()->tsc_deadline) {
        clock.facts.timer = "TSC deadline";
        clock.alarm = true;
    } else {
        calibrate_apic_timer();
    }
    return status;
}

void time_wake_in_us(uint64_t duration_us)
{
    CHECK(!interrupts_enabled());
    if (!clock.alarm)
        return;
    uint64_t us = min_u64(duration_us, ALARM_MAX_US);
    if (clock.facts.apic_timer_hz == 0)
        apic_timer_deadline(cpu_tsc() + scale(us, clock.ticks_per_us, RATIO_SHIFT) + 1);
    else
        apic_timer_start((uint32_t)(us * clock.facts.apic_timer_hz / US_PER_S) + 1);
}

void time_sleep_us(uint64_t duration_us)
{
    CHECK(interrupts_enabled());
    if (!clock.alarm) {
        time_delay_us(duration_us);
        return;
    }
    uint64_t deadline = time_deadline(duration_us);
    interrupts_disable();
    for (uint64_t now = time_now_us(); now < deadline; now = time_now_us()) {
        time_wake_in_us(deadline - now);
        interrupts_enable_and_halt();
        interrupts_disable();
    }
    interrupts_enable();
}

struct time_facts time_facts(void)
{
    return clock.facts;
}
