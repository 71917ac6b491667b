/*
 * Each CPU in turn: what it takes is its own node's as long as there is any, and another's after that. All of a node's
 * memory is taken, so nothing else may run meanwhile; what was taken is a list through its own first words.
 */
#include "kernel/base/bits.h"
#include "kernel/memory.h"
#include "kernel/numa.h"
#include "kernel/smp.h"
#include "kernel/tests/tests.h"

/* Where it went wrong; 0: nowhere. */
static int wrong_line;

#define EXPECT(condition)                                \
    do {                                                 \
        if (!(condition) && wrong_line == 0)             \
            wrong_line = __LINE__;                       \
    } while (0)

static void flush(void *unused)
{
    (void)unused;
    frame_cache_flush(memory_cache());
}

static bool is_near(struct paddr address)
{
    return node_has(this_cpu()->node, section_slot(&kernel_mm.sections, address));
}

/* In the shared state: caches are empty but for this CPU's, which a refill may have filled with what is near. */
static uint64_t near_frames(void)
{
    const struct node *node = this_cpu()->node;
    uint64_t count = 0;
    for (uint32_t i = 0; i < node->span_count; i++)
        count += frames_free_in(&kernel_mm.frames, node_span(&kernel_mm.sections, node->search[i]));
    return count;
}

/* Runs of the order as long as they are near go into the list; the first that is not, or 0, is returned. */
static struct paddr take_near(unsigned order, uint64_t *list, uint64_t *taken)
{
    struct paddr run;
    while ((run = frame_alloc(memory_cache(), order)).value != 0 && is_near(run)) {
        *(uint64_t *)mm_pointer(&kernel_mm, run) = *list;
        *list = run.value | order;
        *taken += BIT(order);
    }
    return run;
}

static void exhaust(void *unused)
{
    (void)unused;
    uint64_t list = 0;
    uint64_t taken = 0;
    uint64_t before = near_frames();
    for (unsigned order = FRAME_ORDER_MAX; order <= FRAME_ORDER_MAX; order--) {
        struct paddr far = take_near(order, &list, &taken);
        /* Near memory may be left over, but none in which the run fits: at order 0 none at all. */
        EXPECT(order != 0 || (far.value != 0 && near_frames() == 0));
        if (far.value != 0)
            frame_free(memory_cache(), far, order);
        frame_cache_flush(memory_cache());
    }
    EXPECT(before - taken < FRAME_CACHE_SINGLES); /* the last refill, half near and half far, went back */
    while (list != 0) {
        uint64_t run = list;
        unsigned order = run & PAGE_MASK;
        list = *(uint64_t *)mm_pointer(&kernel_mm, PADDR(run - order));
        frames_give(&kernel_mm.frames, PADDR(run - order), order);
    }
    EXPECT(near_frames() == before);
}

enum test_result test_numa(void)
{
    uint64_t used_before = frames_used_count(&kernel_mm.frames);
    if (numa_nodes.count == 0)
        return tests_skip("one node");
    wrong_line = 0;
    TEST_ASSERT(smp_run_on_all(flush, NULL) == STATUS_OK);
    for (unsigned cpu = 0; cpu < smp_cpu_count(); cpu++) {
        if (smp_cpu(cpu)->node == NULL)
            continue;
        if (cpu == cpu_index())
            exhaust(NULL);
        else
            TEST_ASSERT(smp_post(cpu, exhaust, NULL) == STATUS_OK && smp_wait() == STATUS_OK);
        if (wrong_line != 0)
            return tests_fail(__FILE_NAME__, wrong_line, "near memory first, then the others'");
    }
    TEST_ASSERT(frames_used_count(&kernel_mm.frames) == used_before);
    TEST_ASSERT(mm_audit(&kernel_mm) == STATUS_OK);
    return TEST_PASSED;
}
