/*
 * What is measured, in two ways.
 *
 *     bench count    rows of calls, for callgrind: run.py starts it with --toggle-collect=measure --dump-after=measure,
 *                    so each call of measure() becomes one file of counted instructions, and a line here says which.
 *                    Every row runs three times: with Keel, with the buddy, and with an allocator that does nothing,
 *                    which is subtracted: what is left is the allocators' own.
 *     bench time     what no instruction count can say: recovery, bytes of metadata, and times. Times are medians of
 *                    rounds that alternate subject and anchor; only their ratios mean something.
 *     bench compiler which compiler made it: counts of different ones cannot be compared.
 *
 * Rules: fixed seeds; nothing is printed inside of what is measured; metadata starts full of 0xA5.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/base/bits.h"
#include "kernel/base/types.h"
#include "tests/bench/bench.h"
#include "tests/bench/subject.h"
#include "tests/unit/random.h"

#define PAIRS      20000u
#define FRAMES     (GIB / PAGE_SIZE) /* of order 0 in the bulk rows */
#define BLOCKS     1024u             /* of order 9 in the bulk rows */
#define MIXED      200000u
#define MIXED_HELD 256u
#define MEMORY     (4 * GIB)

static const struct subject *subject;

/* ---- The allocator that does nothing ---- */

static uint64_t null_reserve(uint64_t memory_bytes)
{
    (void)memory_bytes;
    return 0;
}

static void null_nothing(void)
{
}

static struct paddr null_alloc_single(struct frame_cache *cache)
{
    (void)cache;
    return PADDR(SUBJECT_BASE);
}

static struct paddr null_alloc_run(struct frame_cache *cache, unsigned order)
{
    (void)cache;
    (void)order;
    return PADDR(SUBJECT_BASE);
}

static void null_free_single(struct frame_cache *cache, struct paddr address)
{
    (void)cache;
    (void)address;
}

static void null_free_run(struct frame_cache *cache, struct paddr address, unsigned order)
{
    (void)cache;
    (void)address;
    (void)order;
}

static const struct subject subject_null = {
    "null", null_reserve, null_nothing, null_nothing, NULL,
    null_alloc_single, null_alloc_run, null_free_single, null_free_run,
};

/* ---- Rows: each prepares, is measured, and cleans up ---- */

static struct paddr runs[FRAMES];
static unsigned count;
static unsigned run_order;
static struct {
    uint8_t slot;
    uint8_t order;
} mixed[MIXED];
static struct {
    struct paddr address;
    unsigned order;
} held[MIXED_HELD];

static void pairs(void)
{
    for (unsigned i = 0; i < PAIRS; i++)
        subject_free(subject, subject_alloc(subject, run_order), run_order);
}

static void bulk_alloc(void)
{
    for (unsigned i = 0; i < count; i++)
        runs[i] = subject_alloc(subject, run_order);
}

static void bulk_free(void)
{
    for (unsigned i = 0; i < count; i++)
        subject_free(subject, runs[i], run_order);
}

/* Each step takes one of 256 places and empties it if it is full, fills it if it is empty. */
static void mixed_orders(void)
{
    for (unsigned i = 0; i < MIXED; i++) {
        unsigned slot = mixed[i].slot;
        if (held[slot].address.value != 0) {
            subject_free(subject, held[slot].address, held[slot].order);
            held[slot].address.value = 0;
        } else {
            held[slot].order = mixed[i].order;
            held[slot].address = subject_alloc(subject, mixed[i].order);
        }
    }
}

static void start(void)
{
    subject->start();
}

static void shuffle(void)
{
    for (unsigned i = count; i > 1; i--) {
        unsigned other = (unsigned)random_below(i);
        struct paddr run = runs[other];
        runs[other] = runs[i - 1];
        runs[i - 1] = run;
    }
}

/* Never inlined, and with a name that callgrind can find: it counts while this is on the stack. */
void measure(void (*row)(void));
NOINLINE void measure(void (*row)(void))
{
    row();
    __asm__ volatile("" ::: "memory"); /* no tail call: `row` is inside */
}

void bench_row(const char *name, const char *which, void (*function)(void), uint64_t operations)
{
    printf("%s %s %llu\n", name, which, (unsigned long long)operations);
    fflush(stdout);
    measure(function);
}

static void row(const char *name, void (*function)(void), uint64_t operations)
{
    bench_row(name, subject->name, function, operations);
}

static void order_rows(unsigned order, unsigned run_count, const char *const names[4])
{
    subject->reserve(MEMORY);
    subject->start();
    run_order = order;
    row(names[0], pairs, PAIRS);
    count = run_count;
    row(names[1], bulk_alloc, count);
    row(names[2], bulk_free, count);
    bulk_alloc();
    shuffle();
    row(names[3], bulk_free, count);
    subject->destroy();
}

static void mixed_row(void)
{
    subject->reserve(MEMORY);
    subject->start();
    for (unsigned i = 0; i < MIXED; i++) {
        mixed[i].slot = (uint8_t)random_below(MIXED_HELD);
        mixed[i].order = (uint8_t)random_below(BLOCK_ORDER + 1);
    }
    memset(held, 0, sizeof(held));
    row("mixed-0-9", mixed_orders, MIXED);
    subject->destroy();
}

static void count_subject(const struct subject *which)
{
    static const char *const frame_rows[] = {"order-0-pair", "order-0-alloc", "order-0-free", "order-0-free-random"};
    static const char *const block_rows[] = {"order-9-pair", "order-9-alloc", "order-9-free", "order-9-free-random"};
    subject = which;
    random_state = 0x9E3779B97F4A7C15;
    subject->reserve(MEMORY);
    row("start", start, MEMORY / GIB);
    subject->destroy();
    order_rows(0, FRAMES, frame_rows);
    order_rows(BLOCK_ORDER, BLOCKS, block_rows);
    mixed_row();
}

static void count_start_of_a_tebibyte(void)
{
    subject = &subject_keel;
    subject->reserve(TIB);
    row("start-1-tib", start, TIB / GIB);
    subject->destroy();
}

int main(int argument_count, char **arguments)
{
    if (argument_count == 2 && strcmp(arguments[1], "count") == 0) {
        count_subject(&subject_null);
        count_subject(&subject_buddy);
        count_subject(&subject_keel);
        count_start_of_a_tebibyte();
        bench_heap();
        return 0;
    }
    if (argument_count == 2 && strcmp(arguments[1], "time") == 0) {
        bench_recovery();
        bench_times();
        return 0;
    }
    if (argument_count == 2 && strcmp(arguments[1], "compiler") == 0) {
        puts(__VERSION__);
        return 0;
    }
    fprintf(stderr, "usage: bench count | time | compiler\n");
    return 2;
}
