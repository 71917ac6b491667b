/*
 * The tables of the machine that we run on: collected once, before reclaim.
 *
 * mm keeps a bounded list of ranges. A machine with more tables than that loses some free memory, but no table: then
 * everything from the first to the last of them is kept as one range.
 */
#include "kernel/tables.h"

#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"

static struct table_list kept;

void tables_keep(void)
{
    const struct machine *machine = machine_facts();
    const struct acpi_reader reader = {memory_map_table, NULL};
    tables_collect(&kept, memory_handoff(), machine->has_acpi ? &machine->acpi : NULL, &reader, &kernel_mm.map);
    log_debug("tables: %u seen, %u kept, %u malformed", kept.seen_count, kept.count, kept.malformed_count);
    /* One range a table, as long as mm has room for so many, and if the list had room for all. */
    bool each = kept.dropped_count == 0;
    for (uint32_t i = 0; i < kept.count && each; i++)
        each = mm_keep(&kernel_mm, kept.tables[i].range) == STATUS_OK;
    if (each)
        return;
    log_warn("tables: too many; keeping all of [0x%llx, 0x%llx)", kept.hull.start.value, kept.hull.end.value);
    if (mm_keep(&kernel_mm, kept.hull) != STATUS_OK)
        log_error("tables: some may be lost");
}

const struct table_list *tables_kept(void)
{
    return &kept;
}
