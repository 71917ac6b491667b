/*
 * The firmware's memory map, made fit to be trusted: sorted, without overlaps, one kind to each region.
 *
 * Owns: enum memory_kind (what a page may be used for), struct memory_region, and the rules by which descriptors of
 * UEFI (UEFI 2.10, 7.2.3) and the ranges that we claim become regions (rule 8 of the design).
 *
 *     descriptors   |--Conventional---------------------|
 *                         |-BootServices-|     |--Reserved--|
 *     claim               |-image-|
 *     regions       |Conv.|KERNEL |BS    |Conv.|RESERVED    |     sorted, disjoint, neighbours differ
 *
 * Rules: where descriptors overlap the greater kind wins; RUNTIME on any of them is kept. Base and length are input:
 * an entry is dropped, clipped or rounded, and counted in struct memmap_mended, never believed. Regions are whole
 * pages; no region crosses 1 MiB or 4 GiB, so that "low" and "below 4 GiB" are questions about its start. Holes are no
 * region at all.
 */
#ifndef KEEL_MM_MEMMAP_H
#define KEEL_MM_MEMMAP_H

#include "kernel/base/efi.h"
#include "kernel/base/range.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* In rising restriction. */
enum memory_kind {
    MEMORY_CONVENTIONAL,  /* type 7 */
    MEMORY_LOADER,        /* types 1 and 2, and our busy ranges: free after reclaim */
    MEMORY_BOOT_SERVICES, /* types 3 and 4: free after reclaim */
    MEMORY_KERNEL_BOOT,   /* our image's temporary segments (a claim, not a type): free after reclaim */
    MEMORY_KERNEL,        /* our image (a claim) */
    MEMORY_ACPI_RECLAIM,  /* type 9 */
    MEMORY_WITHHELD,      /* types 1-4 and 7 that are specific-purpose, not write-back, or beyond the direct map */
    MEMORY_ACPI_NVS,      /* type 10 */
    MEMORY_RUNTIME,       /* types 5 and 6; types 1-4, 7, 9 and 10 with EFI_MEMORY_RUNTIME */
    /* From here on: not in the ledger's total, listed above its line. */
    MEMORY_PERSISTENT, /* type 14 */
    MEMORY_UNACCEPTED, /* type 15 */
    MEMORY_UNKNOWN,    /* types from 16 on, the OEM's and the loader's */
    MEMORY_RESERVED,   /* types 0, 8 and 13 */
    MEMORY_MMIO,       /* types 11 and 12 */
    MEMORY_KIND_COUNT,
};

struct memory_region {
    struct prange range;
    uint32_t early_pages; /* of a conventional region: taken from its end by mm/early.c */
    uint8_t kind;         /* enum memory_kind */
    bool runtime;         /* some descriptor of it has EFI_MEMORY_RUNTIME */
    uint16_t reserved;
};

/* As GetMemoryMap returns it (UEFI 2.10, 7.2.3). */
struct memmap_source {
    const void *descriptors;
    uint64_t size_bytes;
    uint64_t descriptor_size; /* the stride */
    uint32_t version;
};

/* A range of our own: applies where a descriptor lies below it, never turns a hole into memory. */
struct memmap_claim {
    struct prange range; /* whole pages */
    enum memory_kind kind;
};

/* How many descriptors needed what. */
struct memmap_mended {
    uint32_t version_other;    /* 1: not version 1 */
    uint32_t truncated;        /* 1: size_bytes is no multiple of the stride; the tail was ignored */
    uint32_t zero_length;      /* dropped */
    uint32_t wrapping;         /* dropped: base + length reaches 2^64 */
    uint32_t clipped;          /* beyond 2^52, the architecture's limit (SDM volume 3, 4.1.4) */
    uint32_t unaligned;        /* base not a multiple of 4 KiB: memory rounded inwards, all else outwards */
    uint32_t unsorted;         /* starts below its predecessor */
    uint32_t overlapping;      /* pieces of memory with more than one descriptor */
    uint32_t not_write_back;   /* withheld */
    uint32_t specific_purpose; /* withheld */
    uint32_t unknown_type;     /* left alone */
    uint32_t runtime_added;    /* RUNTIME on types 1-4, 7, 9 or 10 */
    uint32_t runtime_missing;  /* types 5 and 6 without the attribute */
};

struct memmap {
    struct memory_region *regions; /* rising */
    uint32_t count;
    uint32_t descriptor_count;
    struct memmap_mended mended;
};

#define MEMMAP_DESCRIPTORS_MAX 4096u
#define MEMMAP_CLAIMS_MAX      32u
#define MEMMAP_PHYSICAL_END    ((uint64_t)1 << 52)

/* Work space of memmap_build: two edges a range, at most one region an edge. */
#define MEMMAP_EDGES_MAX     (2 * (MEMMAP_DESCRIPTORS_MAX + MEMMAP_CLAIMS_MAX + 2))
#define MEMMAP_SCRATCH_BYTES (MEMMAP_EDGES_MAX * (16 + sizeof(struct memory_region)))

/*
 * Fills `map` from `source` and the claims (at most MEMMAP_CLAIMS_MAX). map->regions then lies in `scratch`, which is
 * MEMMAP_SCRATCH_BYTES long and 8-byte aligned. RAM from `reach` on is withheld.
 * STATUS_INVALID: empty, or a stride below 40 bytes. STATUS_LIMIT: more than MEMMAP_DESCRIPTORS_MAX descriptors.
 */
MUST_CHECK enum status memmap_build(struct memmap *map, const struct memmap_source *source,
                                    const struct memmap_claim *claims, uint32_t claim_count, uint64_t reach,
                                    void *scratch);

/* One of the whole descriptors; the stride may be anything from 40 bytes up. */
struct efi_memory_descriptor memmap_descriptor(const struct memmap_source *source, uint64_t index);

/* The first region that ends above `address`; map->count when there is none. */
uint32_t memmap_find(const struct memmap *map, struct paddr address);

/* Whether some of the range is memory of a kind that `is` holds for: one of the questions below. */
bool memmap_any(const struct memmap *map, struct prange range, bool (*is)(enum memory_kind kind));

/* Pages of all regions of the kind, from 1 MiB up; or below it. */
uint64_t memmap_pages(const struct memmap *map, enum memory_kind kind, bool low);

/* "conventional", "boot-services", ... : a constant string. */
const char *memory_kind_name(enum memory_kind kind);

/* In the ledger's total: types 1-7, 9 and 10. */
static inline bool memory_kind_counted(enum memory_kind kind)
{
    return kind < MEMORY_PERSISTENT;
}

/* Memory that is or may become ours; from 1 MiB up it has frames and page-array entries. */
static inline bool memory_kind_ours(enum memory_kind kind)
{
    return kind <= MEMORY_KERNEL;
}

/* Freed by mm_reclaim. */
static inline bool memory_kind_reclaimable(enum memory_kind kind)
{
    return kind == MEMORY_LOADER || kind == MEMORY_BOOT_SERVICES || kind == MEMORY_KERNEL_BOOT;
}

static inline bool memory_region_low(const struct memory_region *region)
{
    return region->range.start.value < LOW_MEMORY_END;
}

#endif
