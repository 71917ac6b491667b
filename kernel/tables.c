/*
 * The tables of the machine that we run on: collected once, before reclaim, and compared whenever a test asks.
 *
 * mm keeps a bounded list of ranges. A machine with more tables than that loses some free memory, but no table: then
 * everything from the first to the last of them is kept as one range.
 */
#include "kernel/tables.h"

#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"

static struct table_list kept;
static const struct acpi_reader reader = {memory_map_table, NULL};

/* One range a table. False: mm has no room for so many, or the list was too short for all. */
static bool keep_each(void)
{
    for (uint32_t i = 0; i < kept.count; i++) {
        if (mm_keep(&kernel_mm, kept.tables[i].range) != STATUS_OK)
            return false;
    }
    return kept.dropped_count == 0;
}

void tables_keep(void)
{
    const struct machine *machine = machine_facts();
    tables_collect(&kept, memory_handoff(), machine->has_acpi ? &machine->acpi : NULL, &reader, &kernel_mm.map);
    log_debug("tables: %u seen, %u kept, %u malformed", kept.seen_count, kept.count, kept.malformed_count);
    if (keep_each())
        return;
    log_warn("tables: too many; keeping all of [0x%llx, 0x%llx)", kept.hull.start.value, kept.hull.end.value);
    if (mm_keep(&kernel_mm, kept.hull) != STATUS_OK)
        log_error("tables: some may be lost");
}

const struct table_list *tables_kept(void)
{
    return &kept;
}

const struct table_extent *tables_changed(void)
{
    return tables_compare(&kept, &reader);
}
