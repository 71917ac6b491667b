/*
 * Which memory is near which CPU, from ACPI's SRAT.
 *
 * Owns: the nodes; who knows of them is kernel_mm's caches (their search) and each CPU's block.
 * Rules: only where SRAT lists memory of more than one node is there any; elsewhere every CPU searches all memory, and
 * nothing is kept. A CPU that SRAT does not name, or whose domain has no memory, prefers none.
 */
#ifndef KEEL_KERNEL_NUMA_H
#define KEEL_KERNEL_NUMA_H

#include "mm/node.h"

/* Every CPU gets its node. All CPUs are started, and idle. */
void numa_start(void);

/* Constant from then on; none where there is one. */
extern struct nodes numa_nodes;

#endif
