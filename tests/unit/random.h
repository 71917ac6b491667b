/*
 * Numbers for tests that try many cases: Marsaglia's xorshift64, so that a seed repeats a failure on every machine.
 *
 * Each test program has its own state, which its tests set (not to 0) before they draw.
 */
#ifndef KEEL_TESTS_UNIT_RANDOM_H
#define KEEL_TESTS_UNIT_RANDOM_H

#include <stdint.h>

static uint64_t random_state;

/* 0 to limit - 1. */
static inline uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

#endif
