/*
 * What the firmware's runtime services see in the lower half of their address space: their own memory, 1:1.
 *
 *     page 0              read, write            firmware reads it inside calls (firmware-quirk 21)
 *     runtime code        read, write, execute   its .data is in it; the memory-attributes table may say better
 *     runtime data        read, write
 *     RUNTIME on MMIO     read, write, uncached  also on memory that is not write-back
 *     all else            not there: a stray pointer is a fault, which kernel/runtime.c contains
 *
 * Owns: the choice of flags, and the rules by which the memory-attributes table (UEFI 2.10, 4.6.4) is believed.
 * Rules: pure but for mm/paging.h; everything read here is the firmware's and nothing of it is trusted.
 */
#ifndef KEEL_KERNEL_RUNTIME_MAP_H
#define KEEL_KERNEL_RUNTIME_MAP_H

#include "kernel/base/efi.h"
#include "kernel/base/status.h"
#include "mm/memmap.h"
#include "mm/paging.h"

/* Real tables have 20 to 70 entries; one of absurd size is a broken one (firmware-quirk 53). */
#define RUNTIME_MAP_ATTRIBUTES_MAX 1024u

/*
 * Maps all runtime memory and page 0 into `space`, whose lower half is empty; regions beyond that half are left out.
 * The firmware's memory is given twice: as the mended map, and as the descriptors that came, which tell code from data.
 * STATUS_NO_MEMORY: no page tables; the space is then of no use.
 */
enum status runtime_map_build(struct page_map *space, const struct memmap *map,
                              const struct efi_memory_descriptor *descriptors, uint32_t descriptor_count) MUST_CHECK;

/* Bytes of a memory-attributes table with this header, entries included; 0: version, stride or count is senseless. */
uint64_t runtime_map_attributes_bytes(const struct efi_memory_attributes_table *header);

/*
 * Narrows the flags of what runtime_map_build mapped. `table` is followed by as many bytes as
 * runtime_map_attributes_bytes says. An entry is sound when it is whole pages inside one region of runtime memory and
 * not both writable and executable; sound ones that overlap none before them are applied. Returns how many were not.
 */
uint32_t runtime_map_attributes(struct page_map *space, const struct memmap *map,
                                const struct efi_memory_attributes_table *table);

/* Whether `size_bytes` at `address` lie inside one region of runtime memory. */
bool runtime_map_holds(const struct memmap *map, uint64_t address, uint64_t size_bytes);

#endif
