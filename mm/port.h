/*
 * All that mm/ needs from the machine. kernel/x86/port.c implements it with instructions; tests/unit/port_fake.c on the
 * host, where it also checks that every change of a present entry is followed by an invalidation.
 *
 * (check_failed and cpu_relax are base's needs: kernel/base/check.h, kernel/base/spinlock.h.)
 */
#ifndef KEEL_MM_PORT_H
#define KEEL_MM_PORT_H

#include "kernel/base/types.h"

/* Forget the translations of [start, start + page_count pages) on every CPU that may hold them. */
void port_tlb_invalidate(struct vaddr start, uint64_t page_count);

/* Translate with the tables at `root` from here on, on this CPU. */
void port_set_root(struct paddr root);

/*
 * Store zeros over `size_bytes` (a multiple of 64) at `start` (8-byte aligned) past the caches, and return only when
 * every other CPU would see them (MOVNTI and SFENCE in the kernel).
 */
void port_zero_uncached(void *start, uint64_t size_bytes);

#endif
