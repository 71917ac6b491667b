/*
 * The firmware's tables that must outlive the reclaim of boot-services memory (rule 10).
 *
 * Tables are to lie in ACPI or runtime memory, and some do not (firmware-quirk 37): BGRT's logo, the memory-attributes
 * table, ESRT and what third parties install live in boot-services data. This file follows every pointer that the
 * firmware handed over, finds out how long the thing behind it is, and keeps those that would be freed.
 *
 * Owns: struct table_list, the extents in memory that reclaim would free, each with a checksum of what was in it.
 * Rules: tables_collect.c is pure; all that is read is input: a length is bounded before it is used, a table of unknown
 * shape keeps the page that it begins in.
 */
#ifndef KEEL_KERNEL_TABLES_H
#define KEEL_KERNEL_TABLES_H

#include "boot/handoff.h"
#include "drivers/acpi.h"
#include "kernel/base/range.h"
#include "kernel/base/status.h"
#include "mm/memmap.h"

#define TABLES_MAX      128u       /* extents in memory to be freed; real machines have under ten */
#define TABLE_BYTES_MAX (16 * MIB) /* no firmware table is longer */

struct table_extent {
    struct prange range;
    uint64_t checksum; /* 0: unreadable */
};

struct table_list {
    struct table_extent tables[TABLES_MAX];
    uint32_t count;
    struct prange hull;       /* from the first to the last byte at stake, dropped extents included */
    uint32_t seen_count;      /* extents looked at, wherever they lie */
    uint32_t malformed_count; /* unreadable, or with a length that makes no sense: their first page is kept */
    uint32_t dropped_count;   /* beyond TABLES_MAX */
};

/*
 * Collects the tables of this machine and keeps them in kernel_mm. From kernel/main.c, between machine_quiesce and
 * memory_reclaim. Where the limits on single ranges are hit, everything between the first and the last table is kept.
 */
void tables_keep(void);

/* What tables_keep found. */
const struct table_list *tables_kept(void);

/*
 * Fills `list` with every extent that touches memory which reclaim would free. `acpi` may be NULL: there is none.
 * `reader` as in drivers/acpi.h.
 */
void tables_collect(struct table_list *list, const struct handoff *handoff, const struct acpi *acpi,
                    const struct acpi_reader *reader, const struct memmap *map);

/* Whether the table's bytes are still what tables_collect saw; true for one that was unreadable. For tests. */
bool tables_unchanged(const struct table_extent *table, const struct acpi_reader *reader);

#endif
