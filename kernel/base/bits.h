/* Words of bits: find, count, mask. All arguments unsigned 64-bit; all results are bit numbers 0..63. */
#ifndef KEEL_BASE_BITS_H
#define KEEL_BASE_BITS_H

#include "kernel/base/types.h"

#define BIT(n) ((uint64_t)1 << (n))

/* The lowest set bit. `word` is not 0. */
static inline unsigned bits_first(uint64_t word)
{
    return (unsigned)__builtin_ctzll(word);
}

/* The highest set bit. `word` is not 0. */
static inline unsigned bits_last(uint64_t word)
{
    return 63u - (unsigned)__builtin_clzll(word);
}

static inline unsigned bits_count(uint64_t word)
{
    return (unsigned)__builtin_popcountll(word);
}

/* `count` set bits (0..64) from bit `first` on; first + count <= 64. */
static inline uint64_t bits_mask(unsigned first, unsigned count)
{
    return count == 0 ? 0 : (~(uint64_t)0 >> (64 - count)) << first;
}

#endif
