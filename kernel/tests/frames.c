/*
 * The frame allocator under stress, on all CPUs at once: each takes and gives runs of random orders up to 1 GiB, below
 * 4 GiB and anywhere, half of them through its cache and half past it, some back in halves, and passes one in eight on
 * to whichever CPU comes by. Who holds a run writes a number of its own to up to eight of its pages, so that a frame
 * with two owners shows. `test frames-stress 60` goes on for a minute.
 */
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"

#define HELD        48u
#define MAILBOXES   16u
#define MARKS_ORDER 3u /* so many pages of a run are marked, or all */

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

static unsigned run_words(uint64_t held)
{
    unsigned order = held & PAGE_MASK;
    return 1u << (order < MARKS_ORDER ? order : MARKS_ORDER);
}

/* The words that are marked: one in each of the run's eighths, or pages, the last of them at the run's very end. */
static uint64_t *run_word(uint64_t held, unsigned i)
{
    unsigned order = held & PAGE_MASK;
    uint64_t part_bytes = PAGE_SIZE << (order > MARKS_ORDER ? order - MARKS_ORDER : 0);
    uint8_t *part = (uint8_t *)mm_pointer(&kernel_mm, PADDR(align_down(held, PAGE_SIZE))) + i * part_bytes;
    return (uint64_t *)(void *)(i == run_words(held) - 1 ? part + part_bytes - sizeof(uint64_t) : part);
}

static void mark(uint64_t held, uint64_t owner)
{
    for (unsigned i = 0; i < run_words(held); i++)
        *run_word(held, i) = held ^ owner;
}

static uint32_t wrong_marks(uint64_t held, uint64_t owner)
{
    uint32_t wrong = 0;
    for (unsigned i = 0; i < run_words(held); i++)
        wrong += *run_word(held, i) != (held ^ owner);
    return wrong;
}

/* Mostly small, one in four up to 8 MiB, one in 64 of any size there is. */
static unsigned random_order(uint64_t *state)
{
    unsigned dice = random_of(state, 64);
    return random_of(state, (dice == 0 ? FRAME_ORDER_MAX : dice < 16 ? 11u : 3u) + 1);
}

static uint64_t take(uint64_t *state)
{
    unsigned order = random_order(state);
    unsigned how = random_of(state, 8);
    struct paddr run = how == 0  ? frame_alloc_below(memory_cache(), order, 4 * GIB)
                       : how < 4 ? frames_take(&kernel_mm.frames, order, FRAMES_NO_LIMIT)
                                 : frame_alloc(memory_cache(), order);
    return run.value == 0 ? 0 : run.value | order;
}

static void give(uint64_t *state, uint64_t held)
{
    unsigned order = held & PAGE_MASK;
    /* What is at most 1 MiB may come back in pieces. */
    if (order > 0 && order < FRAME_ORDER_BLOCK && random_of(state, 8) == 0) {
        give(state, held - 1);
        give(state, held - 1 + (PAGE_SIZE << (order - 1)));
        return;
    }
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
            mark(*held, 0); /* nobody's, until somebody comes by */
            *held = __atomic_exchange_n(&stress.mailboxes[random_of(state, MAILBOXES)], *held, __ATOMIC_ACQ_REL);
            *errors += *held != 0 ? wrong_marks(*held, 0) : 0;
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
    stress = (struct stress){.end_us = time_now_us() + tests_seconds() * 1000000ull};
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
