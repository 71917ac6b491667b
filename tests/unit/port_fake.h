/*
 * mm/port.h on the host, with a TLB that tells.
 *
 * The fake TLB holds what tests make it hold (port_fake_touch walks the real tables, as a CPU would) and forgets only
 * what port_tlb_invalidate says. An entry that contradicts the tables is what a CPU would still believe: there an
 * invalidation is missing.
 */
#ifndef KEEL_TESTS_UNIT_PORT_FAKE_H
#define KEEL_TESTS_UNIT_PORT_FAKE_H

#include "mm/paging.h"

#define PORT_FAKE_TLB_ENTRIES 256u

struct port_fake {
    const struct page_map *map; /* whose tables the CPU is thought to use */
    uint64_t invalidations;     /* calls */
    struct vaddr last_start;
    uint64_t last_page_count;
    struct paddr root;
};
extern struct port_fake port_fake;

/* Forgets everything; `map` may be NULL. */
void port_fake_reset(const struct page_map *map);

/* The CPU uses the address: its translation is in the TLB from here on. False: it would fault, and nothing is kept. */
bool port_fake_touch(struct vaddr address);

/* How many entries of the TLB say other than the tables do. */
unsigned port_fake_stale(void);

#endif
