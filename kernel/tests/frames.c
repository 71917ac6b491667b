/*
 * The frame allocator under stress, on all CPUs at once: each takes and gives runs of random orders, below 4 GiB and
 * anywhere, half of them through its cache and half past it, and passes one in eight on to whichever CPU comes by. Who
 * holds a run writes a number of its own at both ends of it, so that a frame with two owners shows.
 */
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"

#define LIMIT_US  1000000u /* for all of it, however slow the machine and however many its CPUs */
#define HELD      48u
#define ORDER_MAX 11u
#define MAILBOXES 16u

static struct stress {
    uint64_t mailboxes[MAILBOXES]; /* address | order; 0: none */
    uint64_t end_us;
    uint32_t errors;
} stress;

static unsigned random_of(uint64_t *state, unsigned limit)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (unsigned)(*state >> 33) % limit;
}

/* The first and the last word of the run. */
static uint64_t *run_word(uint64_t held, bool last)
{
    uint64_t size_bytes = PAGE_SIZE << (held & PAGE_MASK);
    uint64_t *words = mm_pointer(&kernel_mm, PADDR(align_down(held, PAGE_SIZE)));
    return last ? &words[size_bytes / sizeof(words[0]) - 1] : words;
}

static void mark(uint64_t held, uint64_t owner)
{
    *run_word(held, false) = held ^ owner;
    *run_word(held, true) = held ^ owner;
}

static uint32_t wrong_marks(uint64_t held, uint64_t owner)
{
    return (*run_word(held, false) != (held ^ owner)) + (*run_word(held, true) != (held ^ owner));
}

static uint64_t take(uint64_t *state)
{
    unsigned order = random_of(state, random_of(state, 4) == 0 ? ORDER_MAX + 1 : 4);
    unsigned how = random_of(state, 8);
    struct paddr run = how == 0  ? frame_alloc_below(memory_cache(), order, 4 * GIB)
                       : how < 4 ? frames_take(&kernel_mm.frames, order, FRAMES_NO_LIMIT)
                                 : frame_alloc(memory_cache(), order);
    return run.value == 0 ? 0 : run.value | order;
}

static void give(uint64_t *state, uint64_t held)
{
    unsigned order = held & PAGE_MASK;
    if (random_of(state, 2) == 0)
        frames_give(&kernel_mm.frames, PADDR(held - order), order);
    else
        frame_free(memory_cache(), PADDR(held - order), order);
}

static void step(uint64_t *state, uint64_t *held, uint32_t *errors)
{
    uint64_t me = cpu_index() + 1ull;
    if (*held == 0) {
        *held = take(state);
    } else {
        *errors += wrong_marks(*held, me);
        if (random_of(state, 8) != 0) {
            give(state, *held);
            *held = 0;
        } else {
            *held = __atomic_exchange_n(&stress.mailboxes[random_of(state, MAILBOXES)], *held, __ATOMIC_ACQ_REL);
        }
    }
    if (*held != 0)
        mark(*held, me);
}

static void use_frames(void *unused)
{
    (void)unused;
    uint64_t held[HELD] = {0};
    uint64_t state = 88172645463325252u + cpu_index();
    uint32_t errors = 0;
    /* A look at the clock is slow where it is a device's: not at every step. */
    for (unsigned i = 0; i % 64 != 0 || time_now_us() < stress.end_us; i++)
        step(&state, &held[random_of(&state, HELD)], &errors);
    for (unsigned i = 0; i < HELD; i++)
        if (held[i] != 0)
            give(&state, held[i]);
    __atomic_add_fetch(&stress.errors, errors, __ATOMIC_SEQ_CST);
}

static void give_mail(void)
{
    for (unsigned i = 0; i < MAILBOXES; i++)
        if (stress.mailboxes[i] != 0)
            frames_give(&kernel_mm.frames, PADDR(align_down(stress.mailboxes[i], PAGE_SIZE)),
                        stress.mailboxes[i] & PAGE_MASK);
}

static void flush(void *unused)
{
    (void)unused;
    frame_cache_flush(memory_cache());
}

enum test_result test_stress(void)
{
    uint64_t used_before = frames_used_count(&kernel_mm.frames);
    uint64_t free_before = frames_free_count(&kernel_mm.frames);
    stress = (struct stress){.end_us = time_now_us() + LIMIT_US};
    TEST_ASSERT(smp_run_on_all(use_frames, NULL) == STATUS_OK);
    give_mail();
    /* Each CPU its own: what lies in their caches would be missing for whoever comes next. */
    TEST_ASSERT(smp_run_on_all(flush, NULL) == STATUS_OK);
    TEST_ASSERT(stress.errors == 0);
    TEST_ASSERT(frames_used_count(&kernel_mm.frames) == used_before);
    TEST_ASSERT(frames_free_count(&kernel_mm.frames) == free_before);
    TEST_ASSERT(mm_audit(&kernel_mm) == STATUS_OK);
    return TEST_PASSED;
}
