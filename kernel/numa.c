/* SRAT's entries become nodes, and each CPU is told its own. See numa.h; what a node is: mm/node.h. */
#include "kernel/numa.h"

#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/smp.h"

struct nodes numa_nodes;

static void tell_cpus(const struct acpi_table *srat)
{
    for (struct acpi_affinity entry = {0}; acpi_srat_next(srat, &entry);) {
        const struct node *node = nodes_find(&numa_nodes, entry.domain);
        for (unsigned i = 0; i < smp_cpu_count() && !entry.is_memory && node != NULL; i++) {
            if (smp_cpu(i)->apic_id != entry.apic_id)
                continue;
            smp_cpu(i)->node = node;
            frame_cache_set_search(&smp_cpu(i)->memory->frames, node->search);
        }
    }
    frame_cache_flush(memory_cache()); /* it was filled when all memory was equally near */
}

void numa_start(void)
{
    const struct acpi_table *srat = acpi_find(&machine_facts()->acpi, "SRAT");
    for (unsigned half = 0; half < 2; half++)
        for (struct acpi_affinity entry = {0}; acpi_srat_next(srat, &entry);)
            if (entry.is_memory)
                nodes_add(&numa_nodes, &kernel_mm.frames, half, entry.range, entry.domain);
    if (numa_nodes.count > 1)
        tell_cpus(srat);
    else
        numa_nodes.count = 0;
}
