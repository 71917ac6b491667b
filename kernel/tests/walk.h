/*
 * A walk over every mapping of the kernel's page tables, read straight from the tables.
 *
 * Independent of mm/paging.c on purpose: what that file believes of its tables and what the CPU makes of them are
 * compared, not assumed. Source: SDM 3, 4.5, tables 4-14 to 4-20.
 */
#ifndef KEEL_KERNEL_TESTS_WALK_H
#define KEEL_KERNEL_TESTS_WALK_H

#include "kernel/base/range.h"
#include "kernel/base/types.h"

/* One mapping, with the access that all levels together allow. */
struct walk_leaf {
    struct vaddr address;
    struct prange target;
    bool writable;
    bool executable;
    bool user;
    unsigned pat_index; /* which entry of the PAT its PAT, PCD and PWT bits choose: SDM 3, table 12-11 */
};

/* False: this mapping is wrong. The walk goes on. */
typedef bool walk_visit(const struct walk_leaf *leaf);

/* Whether there are mappings and none is wrong; the first few that are get printed as diagnostics. */
bool walk_kernel_map(walk_visit *visit);

#endif
