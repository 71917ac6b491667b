/*
 * Who called whom, from the unwind tables (.pdata, .xdata) that the compiler writes for every function.
 *
 * Microsoft's x64 convention keeps no chain of frame pointers; a function's table entry says what its prologue did,
 * and undoing that gives the caller's registers (Microsoft, "x64 exception handling").
 * Rules: reads memory only through backtrace_image.read, which may refuse; so it is safe on any stack, and runs on the
 * host over a buffer. A corrupt stack ends the walk, never the kernel.
 */
#ifndef KEEL_KERNEL_BACKTRACE_H
#define KEEL_KERNEL_BACKTRACE_H

#include "kernel/base/types.h"

/* Numbers of registers in unwind codes: RAX 0 ... RSP 4, RBP 5 ... R15 15. */
#define BACKTRACE_RSP 4u

/* RUNTIME_FUNCTION: begin, end, unwind info, all RVAs of 32 bits. */
#define BACKTRACE_FUNCTION_BYTES 12u

struct backtrace_frame {
    uint64_t rip;
    uint64_t registers[16];
    bool exact; /* rip is the instruction itself (the innermost, or one that was interrupted), not a return address */
};

/* The image whose functions are unwound. functions_count 0: nothing is known of any. */
struct backtrace_image {
    uint64_t base;                /* address that RVA 0 has in it */
    const uint8_t *bytes;         /* the same place, readable: .pdata and .xdata */
    uint32_t size_bytes;
    uint32_t functions_rva;       /* the exception directory: RUNTIME_FUNCTION entries */
    uint32_t functions_count;
    bool (*read)(uint64_t address, uint64_t *value); /* 8 bytes of a stack; false: not readable */
};

/* From a frame to its caller's, in place. False: the outermost frame was reached, or nothing sensible is there. */
bool backtrace_step(const struct backtrace_image *image, struct backtrace_frame *frame);

#endif
