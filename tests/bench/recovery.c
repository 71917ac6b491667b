/*
 * How much of the free memory is still there in pieces of 2 MiB after it was used for long.
 *
 * Memory is filled to 90 %, then a tenth of all runs, chosen at random, is given back and allocated anew, 100 times.
 * Recovery: how many order-9 runs can be had then, of those that the free memory would make. The allocator's caches are
 * as the churn left them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/base/types.h"
#include "tests/bench/bench.h"
#include "tests/bench/subject.h"
#include "tests/unit/random.h"

#define MEMORY (8 * GIB)
#define FRAMES ((uint32_t)(MEMORY / PAGE_SIZE))
#define ROUNDS 100u

static const struct subject *subject;
static struct paddr runs[FRAMES];
static uint8_t orders[FRAMES];
static uint32_t run_count;
static uint64_t held_frames;

static bool take(unsigned order)
{
    struct paddr run = subject_alloc(subject, order);
    if (run.value == 0)
        return false;
    runs[run_count] = run;
    orders[run_count++] = (uint8_t)order;
    held_frames += (uint64_t)1 << order;
    return true;
}

static void give(uint32_t which)
{
    subject_free(subject, runs[which], orders[which]);
    held_frames -= (uint64_t)1 << orders[which];
    runs[which] = runs[--run_count];
    orders[which] = orders[run_count];
}

/* To `percent` of all frames, or until there is none. */
static void fill(unsigned order_max, uint64_t percent)
{
    while (held_frames < FRAMES * percent / 100 && take((unsigned)random_below(order_max + 1)))
        ;
}

static void empty(uint64_t percent)
{
    while (held_frames > FRAMES * percent / 100)
        give((uint32_t)random_below(run_count));
}

/* Churns at `percent`, which is come to from `first_percent`: from 0 it is packed, from 100 full of holes. */
static void recovery(const char *name, unsigned order_max, uint64_t first_percent, uint64_t percent)
{
    random_state = 0x9E3779B97F4A7C15;
    run_count = 0;
    held_frames = 0;
    subject->reserve(MEMORY);
    subject->start();
    fill(order_max, first_percent);
    empty(percent);
    fill(order_max, percent);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint32_t i = run_count / 10; i > 0; i--)
            give((uint32_t)random_below(run_count));
        fill(order_max, percent);
    }
    uint64_t possible = (FRAMES - held_frames) >> BLOCK_ORDER;
    uint64_t blocks = 0;
    while (subject_alloc(subject, BLOCK_ORDER).value != 0)
        blocks++;
    printf("%s %s %.1f\n", name, subject->name, 100.0 * (double)blocks / (double)possible);
    subject->destroy();
}

void bench_recovery(void)
{
    static const struct subject *const subjects[] = {&subject_keel, &subject_buddy};
    for (unsigned i = 0; i < 2; i++) {
        subject = subjects[i];
        recovery("recovery-order-0-packed", 0, 0, 90);
        recovery("recovery-order-0-scattered", 0, 100, 50);
        recovery("recovery-order-0-6-packed", 6, 0, 90);
        recovery("recovery-order-0-6-scattered", 6, 100, 50);
    }
}
