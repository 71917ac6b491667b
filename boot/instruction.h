/*
 * The instructions that boot/ needs and C does not have (instruction.asm). The kernel's own set is in kernel/x86, which
 * boot/ may not call: each side is complete without the other.
 */
#ifndef KEEL_BOOT_INSTRUCTION_H
#define KEEL_BOOT_INSTRUCTION_H

#include "kernel/base/types.h"

/* What CPUID leaves in EAX, EBX, ECX and EDX, in the order of these indices. */
enum { INSTRUCTION_EAX, INSTRUCTION_EBX, INSTRUCTION_ECX, INSTRUCTION_EDX, INSTRUCTION_CPUID_REGISTERS };
void instruction_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[INSTRUCTION_CPUID_REGISTERS]);

uint64_t instruction_read_cr4(void);
void instruction_write_cr0(uint64_t value);
void instruction_write_cr3(uint64_t value);
void instruction_write_cr4(uint64_t value);
void instruction_write_msr(uint32_t msr, uint64_t value);

/* RDRAND, which the CPU must have (SDM 1, 7.3.17). False: it had no number at this moment. */
bool instruction_random(uint64_t *number);

uint8_t instruction_in8(uint16_t port);
void instruction_out8(uint16_t port, uint8_t value);

/* CLI. Tells whether interrupts were on. */
bool instruction_interrupts_disable(void);

/* CLI and HLT, for ever. */
NORETURN void instruction_halt(void);

#endif
