/*
 * Random numbers from whatever is random: words of any quality go in, numbers that nobody can guess come out, as soon
 * as one of the sources was good.
 *
 * Owns: struct entropy, a value: SipHash-2-4 over all words that went in (Aumasson, Bernstein: SipHash, 2012, section
 * 2). The state has four times the bits of a number, so numbers that become known tell nothing of the others. A source
 * that is bad, or known to an enemy, takes nothing from the good ones.
 */
#ifndef KEEL_BASE_ENTROPY_H
#define KEEL_BASE_ENTROPY_H

#include "kernel/base/types.h"

struct entropy {
    uint64_t v[4];
};

/* The state of SipHash with key 0: where every life begins. */
#define ENTROPY_START {{0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573}}

void entropy_add(struct entropy *entropy, uint64_t word);

/* The next number, of 64 bits. */
uint64_t entropy_draw(struct entropy *entropy);

/* The next number, from 0 to count - 1, all equally likely but for count / 2^64. `count` is not 0. */
uint64_t entropy_below(struct entropy *entropy, uint64_t count);

/*
 * Whether words of a hardware generator look like one: no two neighbours are the same. AMD's families 15H and 16H say
 * all ones after a suspend, the first of family 17H, models 70H ff., from the start; all of them with success.
 */
bool entropy_plausible(const uint64_t *words, size_t count);

#endif
