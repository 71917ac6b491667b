/* The tables of the machine that we run on. */
#include "kernel/tables.h"

#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"

static struct table_list kept;
static const struct acpi_reader reader = {memory_map_table, NULL};

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
    log_debug("tables: %u seen, %u in memory to be freed, %u malformed", kept.seen_count, kept.count,
              kept.malformed_count);
    if (keep_each())
        return;
    log_warn("tables: more than %u, or more than %u ranges: keeping all of [0x%llx, 0x%llx)", TABLES_MAX, KEEP_MAX,
             kept.hull.start.value, kept.hull.end.value);
    enum status status = mm_keep(&kernel_mm, kept.hull);
    if (status != STATUS_OK)
        log_error("tables: %s; some may be lost", status_name(status));
}

const struct table_list *tables_kept(void)
{
    return &kept;
}

const struct table_extent *tables_changed(void)
{
    return tables_compare(&kept, &reader);
}
