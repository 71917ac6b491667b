/*
 * mm/port.h and cpu_relax, with instructions.
 *
 *     the CPU that changed an entry                     every other CPU
 *     forgets for itself
 *     takes tlb.lock; posts start, page_count
 *     notify(): tlb_pending = 1, then an interrupt ---> in the handler, or in cpu_relax:
 *                                                       tlb_pending 1 -> 0; forgets; answer_count++
 *     waits until all have answered, lets go     <---
 *
 * Rules: answering takes no lock, so it works while any is held. A CPU that neither takes interrupts nor waits (it
 * halts with interrupts off, or spins in firmware) would stop the machine: there is a bound, and then a panic that says
 * so.
 */
#include "kernel/x86/port.h"

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/percpu.h"

/* From this many pages on it is cheaper to forget everything than page by page. */
#define FORGET_ALL_PAGES 64u

/* A CPU that has not answered after so many TSC ticks (10 s or so) is lost, and its stale translations with it. */
#define ANSWER_TICKS_MAX ((uint64_t)1 << 35)

static struct {
    struct spinlock lock;
    port_notify *notify;
    struct vaddr start;
    uint64_t page_count;
    uint32_t answer_count;
} tlb;

/* SDM 3, 4.10.4.1: a change of CR4.PGE invalidates all translations, global ones too. */
static void forget(struct vaddr start, uint64_t page_count)
{
    if (page_count >= FORGET_ALL_PAGES && cpu_features()->pge) {
        uint64_t cr4 = cpu_read_cr4();
        cpu_write_cr4(cr4 ^ CR4_PGE);
        cpu_write_cr4(cr4);
        return;
    }
    for (uint64_t i = 0; i < page_count; i++)
        cpu_invalidate_page(start.value + i * PAGE_SIZE);
}

void port_set_notify(port_notify *notify)
{
    __atomic_store_n(&tlb.notify, notify, __ATOMIC_RELEASE);
}

void port_tlb_answer(void)
{
    struct percpu *cpu = this_cpu();
    /* Exchanged, not read: the handler and cpu_relax may both find it, and only one may answer. */
    if (!__atomic_exchange_n(&cpu->tlb_pending, 0, __ATOMIC_ACQ_REL))
        return;
    forget(tlb.start, tlb.page_count);
    __atomic_fetch_add(&tlb.answer_count, 1, __ATOMIC_RELEASE);
}

void port_tlb_invalidate(struct vaddr start, uint64_t page_count)
{
    /* Here first: until there is a second CPU that is all. */
    forget(start, page_count);
    port_notify *notify = __atomic_load_n(&tlb.notify, __ATOMIC_ACQUIRE);
    if (notify == NULL)
        return;

    spinlock_acquire(&tlb.lock);
    tlb.start = start;
    tlb.page_count = page_count;
    /* All three before anybody is told: tlb_pending's release, in notify, publishes them. */
    __atomic_store_n(&tlb.answer_count, 0, __ATOMIC_RELEASE);
    uint32_t told_count = notify();
    uint64_t asked = cpu_tsc();
    while (__atomic_load_n(&tlb.answer_count, __ATOMIC_ACQUIRE) != told_count) {
        /* Going on would hand out a page that another CPU may still write to. */
        CHECK(cpu_tsc() - asked < ANSWER_TICKS_MAX);
        cpu_relax();
    }
    spinlock_release(&tlb.lock);
}

void port_set_root(struct paddr root)
{
    cpu_write_cr3(root.value);
}

/*
 * SDM 1, 10.4.6.2: non-temporal stores are weakly ordered, hence the fence. Needs general registers only. A cache line
 * to a round: the loop around a single store costs four instructions for each of millions.
 */
void port_zero_uncached(void *start, uint64_t size_bytes)
{
    CHECK(vaddr_of(start).value % 8 == 0);
    CHECK(size_bytes % 64 == 0);
    uint64_t *word = start;
    for (uint64_t lines = size_bytes / 64; lines > 0; lines--, word += 8)
        __asm__ volatile("movnti %1, (%0)\n\tmovnti %1, 8(%0)\n\tmovnti %1, 16(%0)\n\tmovnti %1, 24(%0)\n\t"
                         "movnti %1, 32(%0)\n\tmovnti %1, 40(%0)\n\tmovnti %1, 48(%0)\n\tmovnti %1, 56(%0)"
                         :
                         : "r"(word), "r"((uint64_t)0)
                         : "memory");
    __asm__ volatile("sfence" : : : "memory");
}

/* A waiting CPU answers even with interrupts off: two CPUs never wait for each other's answer and lock. */
void cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
    if (__atomic_load_n(&tlb.notify, __ATOMIC_RELAXED) != NULL)
        port_tlb_answer();
}
