/* SipHash-2-4 as a pool: a word goes in as one of the message does, a number comes out as its hash does. */
#include "kernel/base/entropy.h"

static uint64_t rotate(uint64_t word, unsigned count)
{
    return word << count | word >> (64 - count);
}

static void rounds(struct entropy *entropy, unsigned count)
{
    uint64_t *v = entropy->v;
    for (unsigned i = 0; i < count; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

void entropy_add(struct entropy *entropy, uint64_t word)
{
    entropy->v[3] ^= word;
    rounds(entropy, 2);
    entropy->v[0] ^= word;
}

uint64_t entropy_draw(struct entropy *entropy)
{
    entropy->v[2] ^= 0xFF;
    rounds(entropy, 4);
    return entropy->v[0] ^ entropy->v[1] ^ entropy->v[2] ^ entropy->v[3];
}

uint64_t entropy_below(struct entropy *entropy, uint64_t count)
{
    /* The number as a fraction of 2^64, times count: no division, and nothing to try again. */
    return (uint64_t)((unsigned __int128)entropy_draw(entropy) * count >> 64);
}

bool entropy_plausible(const uint64_t *words, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (words[i] == words[i - 1])
            return false;
    return true;
}
