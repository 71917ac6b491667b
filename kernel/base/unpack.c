/*
 * LZ4: a block is a row of sequences, each of new bytes and of a copy of what stands a little before.
 *
 *     token      literals        offset     more length
 *     LLLL MMMM  (LLLL 15: ...)  lo hi      (MMMM 15: a byte, and on while it is 255)
 *
 *     LLLL bytes are taken as they are, then MMMM + 4 bytes from `offset` bytes back, one by one: what is copied may be
 *     what this copy has just made, so an offset of 4 repeats a row of 4 bytes as often as is wished.
 *
 * The last sequence ends behind its literals.
 */
#include "kernel/base/unpack.h"

#define LENGTH_MORE 15u
#define MATCH_LEAST 4u

struct reader {
    const uint8_t *next;
    const uint8_t *end;
};

/* False: the bytes end inside the length. */
static bool read_length(struct reader *in, uint64_t *length)
{
    uint8_t byte = 255;
    for (bool more = *length == LENGTH_MORE; more && byte == 255; *length += byte) {
        if (in->next == in->end)
            return false;
        byte = *in->next++;
    }
    return true;
}

enum status unpack(const void *packed, uint64_t packed_bytes, void *to, uint64_t to_bytes)
{
    struct reader in = {packed, (const uint8_t *)packed + packed_bytes};
    uint8_t *out = to;
    uint64_t done = 0;
    while (in.next != in.end) {
        uint8_t token = *in.next++;
        uint64_t length = token >> 4;
        if (!read_length(&in, &length) || length > (uint64_t)(in.end - in.next) || length > to_bytes - done)
            return STATUS_INVALID;
        for (; length > 0; length--)
            out[done++] = *in.next++;
        if (in.next == in.end)
            return done == to_bytes ? STATUS_OK : STATUS_INVALID;

        if (in.end - in.next < 2)
            return STATUS_INVALID;
        uint32_t offset = in.next[0] | (uint32_t)in.next[1] << 8;
        in.next += 2;
        length = token & 0xF;
        if (!read_length(&in, &length) || offset == 0 || offset > done || length + MATCH_LEAST > to_bytes - done)
            return STATUS_INVALID;
        for (length += MATCH_LEAST; length > 0; length--, done++)
            out[done] = out[done - offset];
    }
    return STATUS_INVALID; /* no block ends with a match */
}
