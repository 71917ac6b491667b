/*
 * The x87 and SSE registers as a value. The kernel's own code uses none of them; firmware's does, and has them given
 * back as they were (firmware_call.asm). These are for the test that holds it to that.
 */
#ifndef KEEL_X86_SSE_H
#define KEEL_X86_SSE_H

#include "kernel/base/types.h"

/* SDM volume 1, table 10-2: the FXSAVE area in 64-bit mode. */
struct sse_state {
    uint8_t x87[24];
    uint32_t mxcsr;
    uint32_t mxcsr_mask;
    uint8_t mm[128];
    uint8_t xmm[16][16];
    uint8_t rest[96];
};
_Static_assert(sizeof(struct sse_state) == 512, "SDM volume 1, 10.5.1");
_Static_assert(offsetof(struct sse_state, xmm) == 160, "SDM volume 1, table 10-2");

/* `state` is 16-byte aligned. */
void sse_store(struct sse_state *state);
void sse_load(const struct sse_state *state);

#endif
