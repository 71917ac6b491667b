/*
 * What vectors.asm leaves on the stack for every trap. The order is that of its pushes; change both together.
 *
 *   lower addresses                                                                       higher addresses
 *   rax rcx rdx rbx rbp rsi rdi r8 ... r15 | vector | error | rip cs rflags rsp ss
 *   ^ struct trap_frame                      stub     CPU or stub     CPU (SDM 3, figure 6-9)
 */
#ifndef KEEL_X86_TRAP_FRAME_H
#define KEEL_X86_TRAP_FRAME_H

#include "kernel/base/types.h"

struct trap_frame {
    uint64_t rax;
    uint64_t rcx;
    uint64_t rdx;
    uint64_t rbx;
    uint64_t rbp;
    uint64_t rsi;
    uint64_t rdi;
    uint64_t r8;
    uint64_t r9;
    uint64_t r10;
    uint64_t r11;
    uint64_t r12;
    uint64_t r13;
    uint64_t r14;
    uint64_t r15;
    uint64_t vector;
    uint64_t error; /* 0 where the CPU pushes none */
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};
_Static_assert(sizeof(struct trap_frame) == 22 * 8, "vectors.asm pushes 22 words");

#endif
