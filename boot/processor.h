/* The CPU as firmware hands it over: what it must be able to do, and its control registers set to known values. */
#ifndef KEEL_BOOT_PROCESSOR_H
#define KEEL_BOOT_PROCESSOR_H

#include "kernel/base/types.h"

struct boot;

/* Phase F. False, with the missing feature named, when the kernel's instructions would not run here. */
bool processor_check(struct boot *boot);

/* Four levels of page tables, or five where the firmware turned them on: LA57 cannot change in long mode. */
unsigned processor_paging_levels(void);

/*
 * Fills `words` from the CPU's own generator, with as many tries for each as the SDM asks for. False: the CPU has none,
 * or it is out of order; what is in `words` then means nothing.
 */
bool processor_random(uint64_t *words, unsigned count);

/*
 * Phase N, in two steps around the change of page tables. The first makes NX bits and our PAT valid and leaves
 * read-only pages writable, because firmware may have made our LoaderData read-only in its own tables; the second
 * loads ours and turns write protection on.
 */
void processor_take_over(void);
void processor_use_tables(uint64_t root);

#endif
