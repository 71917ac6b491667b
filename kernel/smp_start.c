/*
 * Starting every CPU at once.
 *
 * INIT to all, 10 us, SIPI to all, then wait for the last arrival: when all come, nothing here waits for longer than
 * that. SIPI again after 200 us (a few hypervisors lose the first). Those who still do not come are gone through one by
 * one with the timing of SDM 3, 9.4.4, and if that does not help are put back into INIT, so that they can never come
 * late, and skipped. How a CPU finds its place is described in kernel/x86/trampoline.h.
 */
#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/base/string.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/trampoline.h"

#define INIT_DELAY_US      10u     /* CPUs newer than Intel family 6 and AMD family 0xF need no more */
#define RESEND_AFTER_US    200u
#define ARRIVAL_LIMIT_US   100000u /* since the last arrival; an emulated CPU may have to wait for a real one */
#define SPEC_INIT_DELAY_US 10000u  /* SDM 3, 9.4.4.1 */
#define SPEC_SIPI_DELAY_US 200u
#define ONLINE_LIMIT_US    5000000u /* from the claim to the idle loop */

static struct {
    struct trampoline_plan plan;
    uint32_t *ids;
    uint32_t *states;
    struct percpu **blocks;
    uint32_t listed;       /* entries of the three arrays */
    bool all_listed;       /* every CPU that the caller named is: SIPI may go to everybody */
    uint32_t online_count; /* atomic */
    uint32_t missing_count;
    uint64_t duration_us;
} start;

uint64_t smp_start_us(void)
{
    return start.duration_us;
}

unsigned smp_missing_count(void)
{
    return start.missing_count;
}

/* ---- Who ---- */

static void *allocate(size_t size_bytes)
{
    void *memory = heap_alloc(&kernel_mm.heap, memory_cache(), size_bytes);
    if (memory != NULL)
        memset(memory, 0, size_bytes);
    return memory;
}

static void release(void *memory)
{
    heap_free(&kernel_mm.heap, memory_cache(), memory);
}

static bool wanted(uint32_t id)
{
    if (id == this_cpu()->apic_id)
        return false;
    for (uint32_t i = 0; i < start.listed; i++) {
        if (start.ids[i] == id)
            return false;
    }
    return true;
}

static bool reachable(uint32_t id)
{
    if (id <= APIC_ID_XAPIC_MAX || apic_is_x2apic())
        return true;
    log_warn("smp: CPU with APIC ID %u left out: its ID needs x2APIC", id);
    return false;
}

static void list_ids(const uint32_t *apic_ids, unsigned count, unsigned cpu_limit)
{
    start.all_listed = true;
    for (unsigned i = 0; i < count; i++) {
        if (!wanted(apic_ids[i]))
            continue;
        if (start.listed + 1 < cpu_limit && reachable(apic_ids[i]))
            start.ids[start.listed++] = apic_ids[i];
        else
            start.all_listed = false;
    }
}

static enum status prepare_block(unsigned index)
{
    struct percpu *cpu = allocate(sizeof(*cpu));
    if (cpu == NULL)
        return STATUS_NO_MEMORY;
    cpu->index = index;
    enum status status = smp_give_stacks(cpu);
    if (status != STATUS_OK) {
        release(cpu);
        return status;
    }
    start.blocks[index - 1] = cpu;
    status = mm_add_cpu(&kernel_mm, index);
    cpu->frame_cache = mm_cache(&kernel_mm, index);
    return status;
}

static void drop_block(unsigned number)
{
    if (start.blocks[number] == NULL)
        return;
    smp_take_stacks(start.blocks[number]);
    release(start.blocks[number]);
    start.blocks[number] = NULL;
}

/* As many blocks as memory and mm's limit allow; the list is cut to that. */
static void prepare_blocks(void)
{
    for (uint32_t i = 0; i < start.listed; i++) {
        enum status status = prepare_block(i + 1);
        if (status == STATUS_OK)
            continue;
        log_error("smp: %u of %u further CPUs left out: %s%s", start.listed - i, start.listed, status_name(status),
                  status == STATUS_LIMIT ? " (MM_CPUS_MAX)" : "");
        drop_block(i);
        start.listed = i;
        start.all_listed = false;
    }
}

static enum status prepare(const uint32_t *apic_ids, unsigned count, unsigned cpu_limit)
{
    start.ids = allocate((count + 1) * sizeof(*start.ids));
    start.states = allocate((count + 1) * sizeof(*start.states));
    start.blocks = allocate((count + 1) * sizeof(struct percpu *));
    if (start.ids == NULL || start.states == NULL || start.blocks == NULL)
        return STATUS_NO_MEMORY;
    list_ids(apic_ids, count, cpu_limit);
    prepare_blocks();
    return STATUS_OK;
}

/* ---- The CPU that starts ---- */

static void enter(struct percpu *cpu)
{
    trap_init_cpu(cpu);
    apic_init_cpu();
    cpu->apic_id = apic_id();
    __atomic_fetch_add(&start.online_count, 1, __ATOMIC_RELEASE);
    smp_idle();
}

/* ---- The CPU that starts others ---- */

static uint32_t online_count(void)
{
    return __atomic_load_n(&start.online_count, __ATOMIC_ACQUIRE);
}

/* Waits until all are online, or nobody has arrived for `patience_us`. */
static bool wait_for_all(uint64_t patience_us)
{
    uint32_t seen = online_count();
    uint64_t deadline = time_deadline(patience_us);
    while (online_count() < start.listed) {
        if (online_count() != seen) {
            seen = online_count();
            deadline = time_deadline(patience_us);
        }
        if (time_after(deadline))
            return false;
        cpu_relax();
    }
    return true;
}

static void send_startup(uint8_t page_number)
{
    if (start.all_listed) {
        (void)apic_broadcast_startup(page_number);
        return;
    }
    for (uint32_t i = 0; i < start.listed; i++)
        (void)apic_send_startup(start.ids[i], page_number);
}

static bool awaited(uint32_t i)
{
    return __atomic_load_n(&start.states[i], __ATOMIC_ACQUIRE) == TRAMPOLINE_AWAITED;
}

static bool wait_for_claim(uint32_t i, uint64_t limit_us)
{
    uint64_t deadline = time_deadline(limit_us);
    while (awaited(i) && !time_after(deadline))
        cpu_relax();
    return !awaited(i);
}

/* Makes sure that the CPU is not on its way, then stops it. False: it came after all. */
static bool hold(uint32_t i)
{
    uint32_t expected = TRAMPOLINE_AWAITED;
    if (!__atomic_compare_exchange_n(&start.states[i], &expected, TRAMPOLINE_HELD, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return false;
    (void)apic_send_init(start.ids[i]);
    return true;
}

static void start_by_the_book(uint32_t i, uint8_t page_number)
{
    if (!hold(i))
        return;
    time_delay_us(SPEC_INIT_DELAY_US);
    __atomic_store_n(&start.states[i], TRAMPOLINE_AWAITED, __ATOMIC_RELEASE);
    for (unsigned sent = 0; sent < 2; sent++) {
        (void)apic_send_startup(start.ids[i], page_number);
        if (wait_for_claim(i, SPEC_SIPI_DELAY_US))
            return;
    }
    if (wait_for_claim(i, ARRIVAL_LIMIT_US) || !hold(i))
        return;
    start.missing_count++;
    log_warn("smp: CPU with APIC ID %u did not come; going on without it", start.ids[i]);
}

static void start_all(uint8_t page_number)
{
    time_delay_us(INIT_DELAY_US); /* since the INIT of smp_start */
    send_startup(page_number);
    if (wait_for_all(RESEND_AFTER_US))
        return;
    send_startup(page_number);
    if (wait_for_all(ARRIVAL_LIMIT_US))
        return;
    for (uint32_t i = 0; i < start.listed; i++)
        start_by_the_book(i, page_number);
}

/* Everybody who claimed a place reaches the idle loop. */
static void wait_until_online(void)
{
    uint64_t deadline = time_deadline(ONLINE_LIMIT_US);
    while (online_count() != __atomic_load_n(&start.plan.drawn, __ATOMIC_ACQUIRE)) {
        if (time_after(deadline))
            panic("a CPU stopped half way into the kernel; %u of %u came", online_count(), start.plan.drawn);
        cpu_relax();
    }
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
        wait_until_online();
        smp_set_others(start.blocks, online_count());
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
enum status smp_start(const uint32_t *apic_ids, unsigned count, unsigned cpu_limit, struct paddr trampoline)
{
    this_cpu()->apic_id = apic_id();
    enum status status = prepare(apic_ids, count, cpu_limit);
    uint64_t began_us = time_now_us();
    (void)apic_broadcast_init();
    if (status != STATUS_OK || start.listed == 0)
        return status;
    if (trampoline.value == 0 || kernel_mm.kernel_map.root.value >= 4 * GIB)
        status = STATUS_UNSUPPORTED;

    if (status == STATUS_OK) {
        smp_init_interrupts();
        start.plan = (struct trampoline_plan){
            .apic_ids = start.ids,
            .states = start.states,
            .count = start.listed,
            .blocks = start.blocks,
            .entry = enter,
        };
        status = start_listed(trampoline);
    }
    start.duration_us = time_now_us() - began_us;
    for (uint32_t i = online_count(); i < start.listed; i++)
        drop_block(i);
    return status;
}
