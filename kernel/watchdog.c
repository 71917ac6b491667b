/*
 * One watch, kept by whoever is free to keep it.
 *
 *     this CPU                                another CPU                     or the PIT, with one CPU
 *     watchdog_start  -- posts the work ----> waits for `over` or the         -- line to NMI --> 18 a second
 *     firmware_call                           deadline
 *       ... never returns   <------ NMI ----- the deadline                    <---- NMI ----
 *     kernel/trap.c: overdue: back to the caller of firmware_call
 *     watchdog_stop   -- over = 1 ----------> is done; waited for             -- line masked
 */
#include "kernel/watchdog.h"

#include "kernel/machine.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"

/* Which CPU keeps the watch: any but the boot CPU. */
#define KEEPER 1u

static struct {
    const struct percpu *watched; /* NULL: no watch */
    uint64_t deadline;
    bool kept;     /* by KEEPER */
    bool ticking;  /* by the PIT */
    uint32_t over; /* the call is; atomic */
    uint32_t sent; /* the keeper's NMI is; atomic */
    /* in a panic: */
    bool panicking;
    uint32_t standing_by; /* a stopped CPU took the keeper's place; atomic */
    uint32_t posted;      /* a watch for it; atomic */
} watch;

/* How long a stopped CPU waits for work: the few calls of a panic, each with its limit. */
#define STAND_BY_US 30000000u

/* The work of KEEPER. One NMI: it stays pending until it is taken (SDM 3, 6.7). */
static void keep_watch(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&watch.over, __ATOMIC_ACQUIRE)) {
        if (time_after(watch.deadline)) {
            __atomic_store_n(&watch.sent, 1, __ATOMIC_RELEASE);
            apic_send(watch.watched->apic_id, APIC_NMI);
            return;
        }
        cpu_relax();
    }
}

void watchdog_panic_begin(void)
{
    watch.panicking = true;
}

void watchdog_stand_by(void)
{
    uint64_t end = time_deadline(STAND_BY_US);
    /* One is enough, and two would send an NMI each. */
    if (__atomic_exchange_n(&watch.standing_by, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (; !time_after(end); cpu_relax())
        if (__atomic_exchange_n(&watch.posted, 0, __ATOMIC_ACQ_REL) != 0)
            keep_watch(NULL);
    __atomic_store_n(&watch.standing_by, 0, __ATOMIC_RELEASE);
}

static bool post_watch(void)
{
    if (!watch.panicking)
        return smp_cpu_count() > KEEPER && smp_post(KEEPER, keep_watch, NULL) == STATUS_OK;
    uint32_t standing_by = __atomic_load_n(&watch.standing_by, __ATOMIC_ACQUIRE);
    __atomic_store_n(&watch.posted, standing_by, __ATOMIC_RELEASE);
    return standing_by != 0;
}

bool watchdog_start(uint64_t limit_us)
{
    watch.deadline = time_deadline(limit_us);
    watch.watched = this_cpu();
    __atomic_store_n(&watch.over, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&watch.sent, 0, __ATOMIC_RELEASE);
    /* The PIT also where the keeper is lost in work of its own. */
    watch.kept = post_watch();
    watch.ticking = !watch.kept && machine_start_nmi_ticks();
    return watch.kept || watch.ticking;
}

void watchdog_stop(void)
{
    __atomic_store_n(&watch.over, 1, __ATOMIC_RELEASE);
    if (watch.ticking)
        machine_stop_nmi_ticks();
    /* An NMI that crossed our return arrives while `watched` still claims it. (One in a panic costs it a stage.) */
    if (watch.kept && !watch.panicking)
        smp_wait();
    watch.watched = NULL;
}

enum watchdog_nmi watchdog_nmi(void)
{
    if (watch.watched != this_cpu())
        return WATCHDOG_FOREIGN;
    if (watch.ticking)
        return time_after(watch.deadline) ? WATCHDOG_OVERDUE : WATCHDOG_EARLY;
    /* By the keeper's word, not by the clock: the two CPUs' may differ. */
    return __atomic_load_n(&watch.sent, __ATOMIC_ACQUIRE) ? WATCHDOG_OVERDUE : WATCHDOG_FOREIGN;
}
