/*
 * The textbook buddy (Knuth, The Art of Computer Programming 1, 2.5), written to be compared with: what most kernels
 * have. An array of 16 bytes for each frame holds the free lists' links; a stack of order-0 frames stands in front, as
 * Linux' per-CPU lists do; a lock around the lists, because a kernel needs one. It checks nothing.
 *
 *     list[order] --> page --> page --> ...      a free block's first page is in the list of its order
 *     buddy of block b of order k: b ^ 2^k       two free buddies of one order become one block of the next
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/base/spinlock.h"
#include "kernel/base/types.h"
#include "tests/bench/subject.h"

#define ORDERS      10u /* up to 2 MiB, so that no row pays for splitting what is larger */
#define NONE        UINT32_MAX
#define STACK       128u
#define STACK_BATCH 64u
#define NOT_FREE    0xFFu

struct page {
    uint32_t next;
    uint32_t previous; /* NONE: the list's head */
    uint8_t order;     /* of a free block's first page; NOT_FREE for all others */
    uint8_t reserved[7];
};
_Static_assert(sizeof(struct page) == 16, "a buddy's page array of 16 bytes a frame");

static struct page *pages;
static uint32_t page_count;
static uint32_t heads[ORDERS];
static uint64_t free_count;
static struct spinlock lock;
static uint64_t stack[STACK];
static unsigned stacked;

static void insert(uint32_t page, unsigned order)
{
    uint32_t next = heads[order];
    pages[page] = (struct page){.next = next, .previous = NONE, .order = (uint8_t)order};
    if (next != NONE)
        pages[next].previous = page;
    heads[order] = page;
}

static void unlink_page(uint32_t page, unsigned order)
{
    uint32_t next = pages[page].next;
    uint32_t previous = pages[page].previous;
    if (previous == NONE)
        heads[order] = next;
    else
        pages[previous].next = next;
    if (next != NONE)
        pages[next].previous = previous;
    pages[page].order = NOT_FREE;
}

static uint32_t take(unsigned order)
{
    unsigned from = order;
    while (from < ORDERS && heads[from] == NONE)
        from++;
    if (from == ORDERS)
        return NONE;
    uint32_t page = heads[from];
    unlink_page(page, from);
    while (from > order) {
        from--;
        insert(page + (1u << from), from);
    }
    free_count -= (uint64_t)1 << order;
    return page;
}

static void give(uint32_t page, unsigned order)
{
    free_count += (uint64_t)1 << order;
    for (; order < ORDERS - 1; order++) {
        uint32_t buddy = page ^ 1u << order;
        if (buddy >= page_count || pages[buddy].order != order)
            break;
        unlink_page(buddy, order);
        page &= ~(1u << order);
    }
    insert(page, order);
}

static inline uint64_t address_of(uint32_t page)
{
    return page == NONE ? 0 : SUBJECT_BASE + ((uint64_t)page << PAGE_SHIFT);
}

static inline uint32_t page_of(uint64_t address)
{
    return (uint32_t)((address - SUBJECT_BASE) >> PAGE_SHIFT);
}

static NOINLINE struct paddr alloc_slow(unsigned order)
{
    spinlock_acquire(&lock);
    unsigned wanted = order == 0 ? STACK_BATCH : 0;
    struct paddr run = PADDR(address_of(take(order)));
    for (uint32_t page; stacked + 1 < wanted && (page = take(0)) != NONE;)
        stack[stacked++] = address_of(page);
    spinlock_release(&lock);
    return run;
}

static NOINLINE void free_slow(uint64_t address, unsigned order)
{
    spinlock_acquire(&lock);
    give(page_of(address), order);
    if (order == 0) {
        for (unsigned i = 0; i < STACK_BATCH; i++)
            give(page_of(stack[i]), 0);
        stacked -= STACK_BATCH;
        memmove(stack, stack + STACK_BATCH, stacked * sizeof(stack[0]));
    }
    spinlock_release(&lock);
}

static struct paddr buddy_alloc_single(struct frame_cache *cache)
{
    (void)cache;
    return stacked > 0 ? PADDR(stack[--stacked]) : alloc_slow(0);
}

static struct paddr buddy_alloc_run(struct frame_cache *cache, unsigned order)
{
    (void)cache;
    return alloc_slow(order);
}

static void buddy_free_single(struct frame_cache *cache, struct paddr frame)
{
    (void)cache;
    if (stacked < STACK)
        stack[stacked++] = frame.value;
    else
        free_slow(frame.value, 0);
}

static void buddy_free_run(struct frame_cache *cache, struct paddr run, unsigned order)
{
    (void)cache;
    free_slow(run.value, order);
}

static uint64_t buddy_reserve(uint64_t memory_bytes)
{
    page_count = (uint32_t)(memory_bytes >> PAGE_SHIFT);
    pages = malloc(page_count * sizeof(pages[0]));
    memset(pages, 0xA5, page_count * sizeof(pages[0]));
    return page_count * sizeof(pages[0]);
}

/* The memory is a multiple of the largest block, and an entry must not look free before it is. */
static void buddy_start(void)
{
    stacked = 0;
    free_count = 0;
    memset(heads, 0xFF, sizeof(heads)); /* NONE */
    for (uint32_t page = 0; page < page_count; page++)
        pages[page] = (struct page){.order = NOT_FREE};
    for (uint32_t page = page_count; page > 0; page -= 1u << (ORDERS - 1))
        give(page - (1u << (ORDERS - 1)), ORDERS - 1);
}

static void buddy_destroy(void)
{
    free(pages);
}

const struct subject subject_buddy = {
    "buddy", buddy_reserve, buddy_start, buddy_destroy, NULL,
    buddy_alloc_single, buddy_alloc_run, buddy_free_single, buddy_free_run,
};
