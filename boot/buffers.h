/*
 * The large zeroed buffers of boot/, in .bootz (buffers.asm): they take no room in the file and are given back with
 * the rest of boot/.
 */
#ifndef KEEL_BOOT_BUFFERS_H
#define KEEL_BOOT_BUFFERS_H

#include "boot/firmware_map.h"
#include "boot/handoff.h"
#include "kernel/x86/descriptors.h"

#define BUFFERS_SCRATCH_BYTES (512 * KIB)

/* The firmware's memory map; the hand-off points the kernel at it. */
extern uint8_t buffers_map[FIRMWARE_MAP_BUFFER_BYTES];

/* Work space of phases F and N, one user after the other, and then of the kernel's memory manager. */
extern uint8_t buffers_scratch[BUFFERS_SCRATCH_BYTES];
_Static_assert(BUFFERS_SCRATCH_BYTES >= FIRMWARE_MAP_BUFFER_BYTES, "what SetVirtualAddressMap is told");

extern struct handoff buffers_handoff;

/* Phase N runs on it, and the kernel until it has stacks of its own. Firmware asks 4 KiB of a runtime caller (8.1). */
#define BUFFERS_STACK_BYTES (32 * KIB)
extern uint8_t buffers_stack[BUFFERS_STACK_BYTES];

#define BUFFERS_IDT_ENTRIES       256u
#define BUFFERS_FAULT_STACK_BYTES (2 * PAGE_SIZE)
extern struct gate buffers_idt[BUFFERS_IDT_ENTRIES];
extern uint8_t buffers_fault_stack[BUFFERS_FAULT_STACK_BYTES];

#endif
