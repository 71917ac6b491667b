/*
 * The memory manager's public face: what the kernel and the drivers call, and the order in which they may.
 *
 *     mm_begin          the firmware's map becomes regions; early allocation works       (window: config.window)
 *     mm_build_map      the kernel's own page tables exist; the caller switches to them
 *     mm_use_direct_map mm reaches memory through the direct map from here on
 *     mm_start_frames   frames, heap and virtual ranges can be allocated
 *     mm_describe       every CPU calls it: fills sections of the page array
 *     mm_described      polls for all sections; gives the token that proves it
 *     mm_keep           ranges in boot-services memory that stay the firmware's (its tables)
 *     mm_reclaim        needs the token: boot services, loader and .boot memory become free (mm/reclaim.c)
 *
 * Owns: struct mm, the context of everything in mm/. The kernel has one (kernel/memory.c); tests make many.
 * Rules: mm knows no instruction, device or firmware call; it takes ranges, not the hand-off. Between mm_begin and
 * mm_start_frames one CPU runs. mm_describe may run on any number of CPUs at once. mm_keep, mm_reclaim, mm_add_cpu,
 * mm_audit and mm_ledger are for one CPU at a time, the last two while no other allocates. Nothing here is for an
 * interrupt handler.
 */
#ifndef KEEL_MM_MM_H
#define KEEL_MM_MM_H

#include "kernel/base/efi.h"
#include "kernel/base/range.h"
#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "mm/early.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "mm/keep.h"
#include "mm/layout.h"
#include "mm/ledger.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "mm/paging.h"
#include "mm/section.h"
#include "mm/vspace.h"

/* A run of image pages with the access that its PE section asks for; `flags` are those of mm/paging.h. */
struct mm_segment {
    struct prange range;  /* physical, whole pages */
    struct vaddr address; /* where it runs */
    uint32_t flags;
    bool temporary; /* .boot: given back by mm_reclaim, unmapped there */
};
#define MM_SEGMENTS_MAX 16u

/* Ranges that are alive although the map calls them loader memory (boot/'s page tables); until mm_reclaim. */
#define MM_BUSY_MAX 8u

struct mm_config {
    struct memmap_source map;
    struct mm_segment segments[MM_SEGMENTS_MAX];
    uint32_t segment_count;
    struct prange busy[MM_BUSY_MAX];
    uint32_t busy_count;
    void *scratch;              /* MM_SCRATCH_BYTES, 16-byte aligned, not used after mm_begin */
    uint64_t window;            /* add to a physical address to reach it now: 0 in the kernel, the arena on the host */
    uint64_t direct_map_window; /* the same once the direct map is in force: layout.direct_map, the arena on the host */
    struct layout layout;       /* where the page tables have the direct map, and vspace hands out ranges */
    bool gigabyte_pages;        /* CPUID.80000001H:EDX.Page1GB */
    uint8_t levels;             /* 4, or 5 when CR4.LA57 is on */
};

#define MM_SCRATCH_BYTES MEMMAP_SCRATCH_BYTES

#define MM_CPUS_MAX 512u

/* What a CPU takes memory from without a lock. */
struct mm_cpu {
    struct frame_cache frames;
    struct heap_cache heap;
};

struct mm {
    struct mm_config config;
    uint64_t window;
    struct memmap map;
    struct paddr regions_address;      /* where map.regions lie */
    struct paddr firmware_map_address; /* the firmware's descriptors in their order, packed to 40 bytes each */
    struct early early;
    struct section_table sections;
    struct page_array pages;
    struct frames frames;
    struct page_map kernel_map;
    struct vspace vspace;
    struct paddr spare_tables; /* page tables made of early pages that are empty again, a list */
    struct heap heap;
    struct keep_list keep;
    struct mm_cpu boot_cpu;           /* the first CPU's, alive before there is any memory to put it in */
    struct mm_cpu *cpus[MM_CPUS_MAX]; /* by CPU number */
    uint64_t image_pages;          /* from 1 MiB up, of the image: those that stay */
    uint64_t kept_pages;           /* of reclaimable memory: those that mm_reclaim left to the firmware */
    uint64_t reclaimed_pages;      /* were boot services */
    bool frames_started;
    bool boot_retained; /* the temporary segments could not be given back */
    bool reclaimed;
};

/* Through the window: RAM that the direct map holds (mm_in_direct_map). */
static inline void *mm_pointer(const struct mm *mm, struct paddr address)
{
    return (void *)(uintptr_t)(mm->window + address.value);
}

/* Where the direct map has it, in the kernel's page tables. */
static inline struct vaddr mm_direct_address(const struct mm *mm, struct paddr address)
{
    return VADDR(mm->config.layout.direct_map + address.value);
}

/*
 * Builds the region list and copies it, and the descriptors, out of the caller's buffers. `mm` is all zeros; the
 * configuration is copied. STATUS_INVALID, STATUS_LIMIT: as memmap_build. STATUS_NO_MEMORY: no usable Conventional
 * memory from 1 MiB up.
 */
MUST_CHECK enum status mm_begin(struct mm *mm, const struct mm_config *config);

/*
 * Builds mm->kernel_map: RAM in the direct map, the image's segments where they run, nothing low. Its root lies
 * below 4 GiB where memory allows, which is what starting CPUs need. STATUS_NO_MEMORY.
 */
MUST_CHECK enum status mm_build_map(struct mm *mm);

/* The caller has switched to mm->kernel_map.root. */
void mm_use_direct_map(struct mm *mm);

/* Hands what early allocation left to the frame allocator. STATUS_NO_MEMORY. */
MUST_CHECK enum status mm_start_frames(struct mm *mm);

/* See page_array_describe, page_array_complete. */
static inline void mm_describe(struct mm *mm)
{
    page_array_describe(&mm->pages);
}

MUST_CHECK static inline enum status mm_described(const struct mm *mm, struct page_array_token *token)
{
    return page_array_complete(&mm->pages, token);
}

/*
 * The pages that the bytes of `range` touch stay the firmware's; outside reclaimable memory that says nothing new.
 * Before mm_reclaim. STATUS_INVALID: not a range of physical addresses. STATUS_LIMIT: more than KEEP_MAX separate
 * ranges.
 */
MUST_CHECK enum status mm_keep(struct mm *mm, struct prange range);

/*
 * Frees, from 1 MiB up, boot-services and loader memory, the busy ranges and the temporary segments, but for what is
 * kept. Once. Nothing of all that is in use any more. Firmware devices are silent (rule 11), which the caller sees to.
 */
void mm_reclaim(struct mm *mm, const struct page_array_token *token);

/* At any time after mm_begin. */
void mm_ledger(struct mm *mm, struct ledger *ledger);

/* Allocator, page array and ledger against one another. STATUS_INVALID: they disagree. After mm_described. */
MUST_CHECK enum status mm_audit(struct mm *mm);

/* Whether all of the range is RAM that the direct map holds: memory of ours (but for the image) and ACPI's. */
bool mm_in_direct_map(const struct mm *mm, struct prange range);

/* The firmware's descriptors, in its order. */
static inline const struct efi_memory_descriptor *mm_firmware_map(const struct mm *mm, uint32_t *count)
{
    *count = mm->map.descriptor_count;
    return mm_pointer(mm, mm->firmware_map_address);
}

/* Caches for CPU number `cpu`; CPU 0 has them from mm_start_frames on. STATUS_LIMIT, STATUS_NO_MEMORY. */
MUST_CHECK enum status mm_add_cpu(struct mm *mm, unsigned cpu);

/* NULL for a CPU without caches. */
static inline struct mm_cpu *mm_cpu(const struct mm *mm, unsigned cpu)
{
    return mm->frames_started && cpu < MM_CPUS_MAX ? mm->cpus[cpu] : NULL;
}

#endif
