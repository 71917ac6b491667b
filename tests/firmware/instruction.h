/* The instructions that the adversary needs and C does not have (instruction.asm); most of them to do harm. */
#ifndef KEEL_TESTS_FIRMWARE_INSTRUCTION_H
#define KEEL_TESTS_FIRMWARE_INSTRUCTION_H

#include "kernel/base/types.h"

uint8_t instruction_in8(uint16_t port);
void instruction_out8(uint16_t port, uint8_t value);
uint16_t instruction_in16(uint16_t port);
void instruction_out16(uint16_t port, uint16_t value);
uint32_t instruction_in32(uint16_t port);
void instruction_out32(uint16_t port, uint32_t value);

/* What CPUID leaf 1 says in ECX (SDM volume 2, CPUID). */
uint32_t instruction_cpu_features(void);

/* Whether the CPU can have five levels of page tables. */
bool instruction_cpu_has_la57(void);

uint64_t instruction_read_cr3(void);
uint64_t instruction_read_msr(uint32_t number);
void instruction_write_msr(uint32_t number, uint64_t value);

/* STI. */
void instruction_interrupts_enable(void);

/* UD2: #UD. */
void instruction_undefined(void);

/* INT 2: what an NMI is to its handler, but that it blocks no other (SDM volume 3, 6.3.3 and 6.7). */
void instruction_nmi(void);

/* Sets CR0.TS: the next SSE instruction is an #NM. */
void instruction_set_task_switched(void);

/*
 * Turns on in CR4 all that this CPU has and code that runs 1:1 can live with, system calls, and of CET the tracking of
 * indirect branches.
 */
void instruction_set_controls(void);

/* All ones in xmm0 to xmm15 and an MXCSR with every exception unmasked. */
void instruction_clobber_sse(void);

/* MOVAPS from there: #GP unless the address is a multiple of 16. */
void instruction_load_aligned(uint64_t address);

/* CR3 = root, with EFER.NXE and CR0.WP on: what the tables forbid is forbidden. */
void instruction_use_tables(uint64_t root);

#endif
