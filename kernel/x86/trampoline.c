/*
 * Filling and closing the page that other CPUs start in.
 *
 *     page + 0     trampoline_start       16 bits   CS = page >> 4; counts itself in; lgdt; PE
 *                  trampoline_protected   32 bits   CR4, CR3, EFER, PG                        }  copied, then patched
 *                  trampoline_long        64 bits   loads R12, jumps out of the page          }  in the words below
 *                  trampoline_gdt         4 descriptors
 *                  trampoline_words       struct trampoline_words: addresses, CR3, CR4, counters, the plan
 *     page + end
 *
 * The code is linked somewhere in .rdata and runs at an address that is known only now, so its three absolute addresses
 * are data in the words. Nothing in the page is a secret or a stack; a CPU leaves it for good with the jump.
 */
#include "kernel/x86/trampoline.h"

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/base/string.h"
#include "kernel/x86/cpu.h"

/* What trampoline.asm ends with. Far pointers: offset, selector; the selectors are there already. */
struct trampoline_words {
    uint32_t gdt_base;
    uint32_t protected_mode[2];
    uint32_t long_mode[2];
    uint32_t cr3;
    uint32_t cr4;
    uint32_t closed;  /* atomic, like the counters: too late to come in */
    uint32_t entered; /* CPUs that came in */
    uint32_t left;    /* those of them that do not need the page any more */
    struct trampoline_plan *plan;
};
_Static_assert(offsetof(struct trampoline_words, plan) == 40, "trampoline.asm");

/* A CPU between the door and the kernel needs microseconds; after this many polls it was reset on its way. */
#define CLOSE_POLLS_MAX 1000000u

static struct trampoline_words *words_of(void *page)
{
    return (struct trampoline_words *)((uint8_t *)page + (trampoline_words - trampoline_start));
}

static uint32_t address_in_page(struct paddr page, const uint8_t *place)
{
    return (uint32_t)(page.value + (uint64_t)(place - trampoline_start));
}

void trampoline_open(void *page, struct paddr physical, struct trampoline_plan *plan)
{
    uint64_t root = cpu_read_cr3() & CR3_ADDRESS_MASK;
    size_t size_bytes = (size_t)(trampoline_end - trampoline_start);
    CHECK(physical.value != 0 && physical.value < LOW_MEMORY_END && physical.value % PAGE_SIZE == 0);
    CHECK(size_bytes <= PAGE_SIZE);
    /* The 32-bit code loads CR3; mm_build_map asks for a root below 4 GiB, and smp_start has looked. */
    CHECK(root < 4 * GIB);

    memcpy(page, trampoline_start, size_bytes);
    struct trampoline_words *words = words_of(page);
    words->gdt_base = address_in_page(physical, trampoline_gdt);
    words->protected_mode[0] = address_in_page(physical, trampoline_protected);
    words->long_mode[0] = address_in_page(physical, trampoline_long);
    words->cr3 = (uint32_t)root;
    /* PAE and LA57 decide what CR3 means. The rest of CR4 is cpu_init's, in 64-bit mode. */
    words->cr4 = (uint32_t)(CR4_PAE | (cpu_read_cr4() & CR4_LA57));
    words->plan = plan;
    /* Through the writable mapping: the page at its own address is read-only, and the CPU is in the kernel by then. */
    plan->left = &words->left;
    /* Before the SIPI, which may overtake ordinary stores. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool trampoline_close(void *page)
{
    struct trampoline_words *words = words_of(page);
    /* Sequentially consistent with `entered`: a CPU counts itself in and then looks, we close and then count. */
    __atomic_store_n(&words->closed, 1, __ATOMIC_SEQ_CST);
    for (uint32_t polls = 0; polls < CLOSE_POLLS_MAX; polls++) {
        uint32_t left = __atomic_load_n(&words->left, __ATOMIC_SEQ_CST);
        if (left == __atomic_load_n(&words->entered, __ATOMIC_SEQ_CST))
            return true;
        cpu_relax();
    }
    return false;
}
