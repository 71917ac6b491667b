/*
 * Starting every CPU at once.
 *
 * INIT to all, 10 us, SIPI to all, then wait for the last arrival: when all come, nothing here waits for longer than
 * that. SIPI again after 200 us (a few hypervisors lose the first). Those who still do not come are gone through one by
 * one with the timing of SDM 3, 9.4.4, and if that does not help are put back into INIT, so that they can never come
 * late, and skipped. How a CPU finds its place is described in kernel/x86/trampoline.h.
 */
#include "kernel/base/spinlock.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/trampoline.h"

#define INIT_DELAY_US      10u     /* CPUs newer than Intel family 6 and AMD family 0xF need no more */
#define RESEND_AFTER_US    200u
#define ARRIVAL_LIMIT_US   1000000u /* since the last arrival; an emulated CPU may have to wait 0.1 s for a real one */
#define SPEC_INIT_DELAY_US 10000u  /* SDM 3, 9.4.4.1 */
#define SPEC_SIPI_DELAY_US 200u
#define ONLINE_LIMIT_US    5000000u /* from the claim to the idle loop */

static struct {
    struct trampoline_plan plan;
    uint32_t ids[MM_CPUS_MAX];    /* who is to come */
    uint32_t states[MM_CPUS_MAX]; /* enum trampoline_state of each */
    uint32_t listed;              /* entries of both */
    bool all_listed;              /* every CPU of the MADT is: SIPI may go to everybody */
    uint32_t online_count;        /* atomic */
    struct smp_facts facts;
} start;

struct smp_facts smp_facts(void)
{
    return start.facts;
}

/* ---- Who ---- */

/* What a running CPU needs. STATUS_LIMIT: more than MM_CPUS_MAX. */
static enum status prepare_block(unsigned index)
{
    enum status status = mm_add_cpu(&kernel_mm, index);
    if (status != STATUS_OK)
        return status;
    struct percpu *cpu = heap_alloc(memory_heap(), sizeof(*cpu));
    if (cpu == NULL)
        return STATUS_NO_MEMORY;
    /*
     * The APIC ID is filled in by the CPU itself: which of those that were asked takes which number is not known
     * before.
     */
    *cpu = (struct percpu){.index = index, .memory = mm_cpu(&kernel_mm, index)};
    smp_cpus[index] = cpu;
    return smp_give_stacks(cpu);
}

/* As many as the limit, memory and mm allow. */
static void list_cpus(const struct acpi_madt *madt, unsigned cpu_limit)
{
    uint32_t others_count = 0;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < madt->cpu_count && status == STATUS_OK; i++) {
        uint32_t id = madt->cpus[i].apic_id;
        if (!madt->cpus[i].enabled || id == this_cpu()->apic_id)
            continue;
        others_count++;
        if (id > APIC_ID_XAPIC_MAX && !apic_is_x2apic()) {
            log_warn("smp: CPU with APIC ID %u left out: its ID needs x2APIC", id);
        } else if (start.listed + 1 < cpu_limit) {
            status = prepare_block(start.listed + 1);
            if (status == STATUS_OK)
                start.ids[start.listed++] = id;
            else
                log_error("smp: the CPUs from APIC ID %u on are left out: %s (at most %u can be used)", id,
                          status_name(status), MM_CPUS_MAX);
        }
    }
    start.all_listed = start.listed == others_count;
}

/* ---- The CPU that starts ---- */

static void enter(struct percpu *cpu)
{
    trap_init_cpu(cpu);
    apic_init_cpu();
    __atomic_fetch_add(&start.online_count, 1, __ATOMIC_RELEASE);
    smp_idle();
}

/* ---- What is waited for ---- */

static uint32_t online_count(void)
{
    return __atomic_load_n(&start.online_count, __ATOMIC_ACQUIRE);
}

/* Waits until *word is `wanted`, or until nobody has come online for `patience_us`. */
static bool wait_until(const uint32_t *word, uint32_t wanted, uint64_t patience_us)
{
    /* The patience begins anew with each arrival: 255 emulated CPUs come one after another, over seconds. */
    uint32_t seen = online_count();
    uint64_t deadline = time_deadline(patience_us);
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != wanted) {
        if (time_after(deadline))
            return false;
        if (online_count() != seen) {
            seen = online_count();
            deadline = time_deadline(patience_us);
        }
        cpu_relax();
    }
    return true;
}

/* ---- The CPU that starts others ---- */

static void send_startup(uint8_t page_number)
{
    if (start.all_listed) {
        apic_send(0, APIC_ALL_OTHERS | APIC_STARTUP | page_number);
        return;
    }
    for (uint32_t i = 0; i < start.listed; i++)
        apic_send(start.ids[i], APIC_STARTUP | page_number);
}

/* Makes sure that the CPU is not on its way, then stops it. False: it came after all. */
static bool hold(uint32_t i)
{
    uint32_t expected = TRAMPOLINE_AWAITED;
    if (!__atomic_compare_exchange_n(&start.states[i], &expected, TRAMPOLINE_HELD, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return false;
    /* Held, then INIT: between the two it can no longer claim its place, and after INIT it waits for a SIPI. */
    apic_send(start.ids[i], APIC_INIT);
    return true;
}

static void start_by_the_book(uint32_t i, uint8_t page_number)
{
    if (!hold(i))
        return;
    time_delay_us(SPEC_INIT_DELAY_US);
    __atomic_store_n(&start.states[i], TRAMPOLINE_AWAITED, __ATOMIC_RELEASE);
    apic_send(start.ids[i], APIC_STARTUP | page_number);
    if (wait_until(&start.states[i], TRAMPOLINE_CLAIMED, SPEC_SIPI_DELAY_US))
        return;
    apic_send(start.ids[i], APIC_STARTUP | page_number);
    if (wait_until(&start.states[i], TRAMPOLINE_CLAIMED, ARRIVAL_LIMIT_US) || !hold(i))
        return;
    start.facts.missing_count++;
    log_warn("smp: CPU with APIC ID %u did not come; going on without it", start.ids[i]);
}

static void start_all(uint8_t page_number)
{
    time_delay_us(INIT_DELAY_US); /* since the INIT of smp_start */
    send_startup(page_number);
    if (wait_until(&start.online_count, start.listed, RESEND_AFTER_US))
        return;
    send_startup(page_number);
    if (wait_until(&start.online_count, start.listed, ARRIVAL_LIMIT_US))
        return;
    for (uint32_t i = 0; i < start.listed; i++)
        start_by_the_book(i, page_number);
    /* Who is not missing has claimed a place, and is on the way to the idle loop. */
    uint32_t coming = start.listed - start.facts.missing_count;
    if (!wait_until(&start.online_count, coming, ONLINE_LIMIT_US))
        panic("a CPU stopped half way into the kernel; %u of %u came", online_count(), coming);
}

/* Written uncached: the CPUs that read the page have their caches off at first. */
static enum status start_listed(struct paddr trampoline)
{
    struct prange page = PRANGE(trampoline.value, trampoline.value + PAGE_SIZE);
    void *writable = vspace_map_device(&kernel_mm.vspace, page, PAGING_UNCACHED);
    if (writable == NULL)
        return STATUS_NO_MEMORY;
    enum status status = paging_map(&kernel_mm.kernel_map, VADDR(trampoline.value), page, PAGING_EXECUTE);
    if (status == STATUS_OK) {
        trampoline_open(writable, trampoline, &start.plan);
        start_all((uint8_t)(trampoline.value >> PAGE_SHIFT));
        /* Before the trampoline's page goes: unmapping it asks every CPU to forget it. */
        smp_set_count(1 + online_count());
        if (!trampoline_close(writable))
            log_warn("smp: a CPU was lost on its way through the trampoline");
        status = paging_unmap(&kernel_mm.kernel_map, VADDR(trampoline.value), PAGE_SIZE);
    }
    vspace_unmap(&kernel_mm.vspace, writable);
    return status;
}

/*
 * The INIT goes out even when no CPU is to be started: firmware's parked CPUs may wait in boot-services memory, which
 * will soon be somebody else's.
 */
enum status smp_start(const struct acpi_madt *madt, unsigned cpu_limit, struct paddr trampoline)
{
    list_cpus(madt, cpu_limit);
    uint64_t began_us = time_now_us();
    apic_send(0, APIC_ALL_OTHERS | APIC_INIT);
    if (start.listed == 0)
        return STATUS_OK;
    enum status status = STATUS_UNSUPPORTED;
    if (trampoline.value != 0 && kernel_mm.kernel_map.root.value < 4 * GIB) {
        start.plan = (struct trampoline_plan){
            .apic_ids = start.ids,
            .states = start.states,
            .count = start.listed,
            .blocks = smp_cpus + 1,
            .entry = enter,
        };
        status = start_listed(trampoline);
    }
    start.facts.start_us = time_now_us() - began_us;
    /* Numbers are drawn in order of arrival, so the blocks that nobody took are the last ones. */
    for (uint32_t index = 1 + online_count(); index <= start.listed; index++) {
        smp_take_stacks(smp_cpus[index]);
        heap_free(memory_heap(), smp_cpus[index], sizeof(*smp_cpus[index]));
    }
    return status;
}
