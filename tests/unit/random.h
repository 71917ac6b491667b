/*
 * Numbers for tests that try many cases: Marsaglia's xorshift64, so that a seed repeats a failure on every machine.
 *
 * Each thread of a test program has its own state, which it sets (not to 0) before it draws.
 */
#ifndef KEEL_TESTS_UNIT_RANDOM_H
#define KEEL_TESTS_UNIT_RANDOM_H

#include <stdint.h>

static _Thread_local uint64_t random_state;

/* 0 to limit - 1. */
static inline uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

#endif
