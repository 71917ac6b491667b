/*
 * The kernel's memory: the hand-off believed, then mm/ run through its stages on it.
 *
 * Owns: the one struct mm, the kernel's copy of the hand-off, the token that proves the page array complete.
 * Rules: kernel/main.c calls the stages in the order in which they stand here. What firmware got wrong is mended and
 * counted (the ledger lists it). A panic is only what no kernel could run on: a hand-off that is none, a map that is
 * empty or has too many descriptors, no memory, or a ledger that does not balance.
 */
#ifndef KEEL_KERNEL_MEMORY_H
#define KEEL_KERNEL_MEMORY_H

#include "boot/handoff.h"
#include "mm/mm.h"

extern struct mm kernel_mm;

/* Checks and copies what boot/ left. Panics over a hand-off that is not one. */
void memory_accept(const struct handoff *handoff);

/* The kernel's copy. */
const struct handoff *memory_handoff(void);

/* Own page tables in force, frames, heap and virtual ranges work. The caller still stands on the boot stack. */
void memory_start(void);

/* Fills the page array on every CPU and takes the token for memory_reclaim. */
void memory_describe(void);

/* Boot services, loader and .boot memory become free, unless keep-boot-services was asked for. */
void memory_reclaim(void);

/* A range of addresses out of somebody's table. False: it is empty, at 0, or beyond all that CPUs can address. */
bool memory_range(uint64_t address, uint64_t size_bytes, struct prange *range) MUST_CHECK;

/*
 * Firmware's table of `size_bytes` at `address`, readable: in the direct map, or through a view made for it and kept.
 * NULL: no memory for the view, or not an address. Fits struct acpi_reader; `context` is not used.
 */
const void *memory_map_table(void *context, struct paddr address, uint64_t size_bytes);

/* Of this CPU. */
struct frame_cache *memory_cache(void);
struct heap_cache *memory_heap(void);

/* Whether a byte of the range belongs to memory that the ledger counts. */
bool memory_overlaps_ram(struct prange range);

/* Panics, with the whole ledger, unless it balances. `stage` says after what. */
void memory_check_ledger(const char *stage);

#endif
