/* The allocators on the machine itself: on all CPUs at once, and with everything balanced again afterwards. */
#include "kernel/base/string.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "kernel/tests/tests.h"

/* ---- Frames ---- */

#define ROUNDS 32u
#define HELD   96u /* runs held at a time: more than a cache's half, so that it refills and flushes */
#define ORDERS 4u

static uint32_t frame_errors;

/* A number that only this CPU, run and round write: a frame that two were given shows the other's. */
static uint64_t stamp(struct paddr run, unsigned round)
{
    return run.value ^ (uint64_t)cpu_index() << 52 ^ round;
}

/* Takes as many runs as it can hold, writes on each, and finds the same there when it gives them back. */
static void use_frames(void *unused)
{
    (void)unused;
    /* On the stack: 768 bytes of its 16 KiB. A static array would be shared by all CPUs. */
    struct paddr held[HELD];
    uint32_t errors = 0;
    for (unsigned round = 0; round < ROUNDS && errors == 0; round++) {
        unsigned count = 0;
        for (; count < HELD && errors == 0; count++) {
            held[count] = frame_alloc(memory_cache(), count % ORDERS);
            if (held[count].value < LOW_MEMORY_END)
                errors++; /* none, or one that must not be */
            else
                *(uint64_t *)mm_pointer(&kernel_mm, held[count]) = stamp(held[count], round);
        }
        count -= errors;
        while (count-- > 0) {
            errors += *(const uint64_t *)mm_pointer(&kernel_mm, held[count]) != stamp(held[count], round);
            frame_free(memory_cache(), held[count], count % ORDERS);
        }
    }
    __atomic_add_fetch(&frame_errors, errors, __ATOMIC_SEQ_CST);
}

enum test_result test_frames(void)
{
    uint64_t free_before = frames_free_count(&kernel_mm.frames);
    uint64_t used_before = frames_used_count(&kernel_mm.frames);
    frame_errors = 0;
    TEST_ASSERT(smp_run_on_all(use_frames, NULL) == STATUS_OK);
    TEST_ASSERT(frame_errors == 0);
    /* To the frame: what a cache keeps counts as free, so nothing may have gone missing on the way. */
    TEST_ASSERT(frames_free_count(&kernel_mm.frames) == free_before);
    TEST_ASSERT(frames_used_count(&kernel_mm.frames) == used_before);
    TEST_ASSERT(mm_audit(&kernel_mm) == STATUS_OK);
    return TEST_PASSED;
}

/* Above that, a virtual machine that had touched all of its memory would be too large for its host. */
#define EVERY_FRAME_MAX (GIB >> PAGE_SHIFT)

/* A run that is held: the next one, and in each of its frames the frame's own address. */
struct held_run {
    uint64_t next;
    uint64_t address;
};

/* Takes all runs of that order that there are, writing on each frame; the last of them, or 0. */
static uint64_t take_all(unsigned order)
{
    uint64_t last = 0;
    for (struct paddr run; (run = frame_alloc(memory_cache(), order)).value != 0; last = run.value)
        for (uint64_t i = 0; i < 1ull << order; i++) {
            struct paddr frame = PADDR(run.value + (i << PAGE_SHIFT));
            *(struct held_run *)mm_pointer(&kernel_mm, frame) = (struct held_run){last, frame.value};
        }
    return last;
}

/* Frees what take_all took; how many frames were not as it left them. */
static uint32_t give_all(unsigned order, uint64_t last)
{
    uint32_t errors = 0;
    while (last != 0) {
        struct paddr run = PADDR(last);
        last = ((const struct held_run *)mm_pointer(&kernel_mm, run))->next;
        for (uint64_t i = 0; i < 1ull << order; i++) {
            struct paddr frame = PADDR(run.value + (i << PAGE_SHIFT));
            errors += ((const struct held_run *)mm_pointer(&kernel_mm, frame))->address != frame.value;
        }
        frame_free(memory_cache(), run, order);
    }
    return errors;
}

/* Every free frame can be had, once, and is memory: what the firmware had there is gone, or was not free. */
enum test_result test_every(void)
{
    uint64_t last[FRAME_ORDERS];
    struct frames_stats left;
    uint64_t free_before = frames_free_count(&kernel_mm.frames);
    uint32_t errors = 0;
    if (free_before > EVERY_FRAME_MAX)
        return tests_skip("more memory than a host should have to hold");
    for (unsigned order = FRAME_ORDERS; order-- > 0;)
        last[order] = take_all(order);
    frames_get_stats(&kernel_mm.frames, &left);
    for (unsigned order = 0; order < FRAME_ORDERS; order++)
        errors += give_all(order, last[order]);
    TEST_ASSERT(errors == 0);
    TEST_ASSERT(left.free == left.cached); /* what other CPUs keep for themselves */
    TEST_ASSERT(frames_free_count(&kernel_mm.frames) == free_before);
    TEST_ASSERT(mm_audit(&kernel_mm) == STATUS_OK);
    return TEST_PASSED;
}

/* Rule 9: nothing below 1 MiB can be had, or is free. */
enum test_result test_low_memory(void)
{
    TEST_ASSERT(frame_alloc_below(memory_cache(), 0, LOW_MEMORY_END).value == 0);
    TEST_ASSERT(frames_free_in(&kernel_mm.frames, PRANGE(0, LOW_MEMORY_END)) == 0);
    return TEST_PASSED;
}

/* ---- Ledger ---- */

static bool balances(struct ledger *ledger)
{
    mm_ledger(&kernel_mm, ledger);
    return ledger_check(ledger) == STATUS_OK &&
           ledger->total == ledger->free + ledger->used + ledger->firmware + ledger->low + ledger->awaiting;
}

/* It balances, and a frame that is taken moves from free to used. */
enum test_result test_ledger(void)
{
    struct ledger before;
    struct ledger during;
    struct ledger after;
    bool balanced = balances(&before);
    struct paddr frame = frame_alloc(memory_cache(), 0);
    balanced = balances(&during) && balanced;
    if (frame.value != 0)
        frame_free(memory_cache(), frame, 0);
    balanced = balances(&after) && balanced;
    TEST_ASSERT(frame.value != 0);
    TEST_ASSERT(balanced);
    TEST_ASSERT(during.used == before.used + 1 && during.free == before.free - 1);
    TEST_ASSERT(after.used == before.used && after.free == before.free);
    return TEST_PASSED;
}

/* ---- Heap ---- */

/* Both sides of the classes' edges (16|17, 2048|2049), and one that takes a run of frames of its own. */
static const size_t sizes[] = {1, 16, 17, 100, 255, 512, 1000, 2048, 2049, 5000, 70000};

/* One object of each size class and beyond, all alive at once: none lies on another. */
enum test_result test_heap(void)
{
    uint8_t *objects[ARRAY_COUNT(sizes)];
    struct heap_stats before;
    struct heap_stats during;
    struct heap_stats after;
    heap_get_stats(&kernel_mm.heap, &before);
    unsigned wrong = 0;
    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        objects[i] = heap_alloc(memory_heap(), sizes[i]);
        wrong += objects[i] == NULL || vaddr_of(objects[i]).value % 16 != 0;
        if (objects[i] != NULL)
            memset(objects[i], (int)i, sizes[i]);
    }
    heap_get_stats(&kernel_mm.heap, &during);
    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        if (objects[i] == NULL)
            continue;
        wrong += objects[i][0] != i || objects[i][sizes[i] - 1] != i;
        heap_free(memory_heap(), objects[i], sizes[i]);
    }
    heap_get_stats(&kernel_mm.heap, &after);
    TEST_ASSERT(wrong == 0);
    TEST_ASSERT(during.objects == before.objects + ARRAY_COUNT(sizes));
    TEST_ASSERT(after.objects == before.objects);
    return TEST_PASSED;
}

/* ---- Virtual ranges ---- */

static bool is_mapped(uint64_t address)
{
    struct paging_entry entry;
    return paging_lookup(&kernel_mm.kernel_map, VADDR(address), &entry);
}

/* A stack can be written from end to end, has guards at both, and leaves nothing mapped. */
enum test_result test_vspace(void)
{
    struct vaddr top;
    struct vaddr again;
    TEST_ASSERT(vspace_stack(&kernel_mm.vspace, 2, &top) == STATUS_OK);
    uint64_t bottom = top.value - 2 * PAGE_SIZE;
    memset(vaddr_pointer(VADDR(bottom)), 0x5A, 2 * PAGE_SIZE);
    bool guarded = !is_mapped(bottom - PAGE_SIZE) && !is_mapped(top.value);
    vspace_stack_free(&kernel_mm.vspace, top);
    TEST_ASSERT(guarded);
    TEST_ASSERT(!is_mapped(bottom) && !is_mapped(bottom + PAGE_SIZE));
    TEST_ASSERT(vspace_stack(&kernel_mm.vspace, 2, &again) == STATUS_OK);
    vspace_stack_free(&kernel_mm.vspace, again);
    TEST_ASSERT(again.value == top.value); /* the range was free again */
    return TEST_PASSED;
}

/* ---- Page array ---- */

/* Every frame of memory of ours has a descriptor, and reclaim left none waiting. */
enum test_result test_page_array(void)
{
    const struct memmap *map = &kernel_mm.map;
    struct page_array_token token;
    TEST_ASSERT(mm_described(&kernel_mm, &token) == STATUS_OK);
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->regions[i];
        if (!memory_kind_ours((enum memory_kind)region->kind) || memory_region_low(region))
            continue;
        /* None of these: so there is an entry, for what has none agrees with every kind. */
        struct prange page = {region->range.start, paddr_add(region->range.start, PAGE_SIZE)};
        TEST_ASSERT(!page_array_is_kind(&kernel_mm.pages, page, PAGE_ABSENT));
        TEST_ASSERT(!page_array_is_kind(&kernel_mm.pages, page, PAGE_LOW));
        TEST_ASSERT(!kernel_mm.reclaimed || !page_array_is_kind(&kernel_mm.pages, page, PAGE_AWAITING));
    }
    return TEST_PASSED;
}
