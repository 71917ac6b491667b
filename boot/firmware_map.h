/*
 * The firmware's memory map as GetMemoryMap gives it (UEFI 7.2.3), and one careful call of GetMemoryMap.
 *
 * Rules (design, section 2): the stride is the firmware's DescriptorSize, never sizeof; the size is reset to the whole
 * buffer on every call; nothing in the map is trusted. Whoever reads a descriptor gets a copy: a stride need not keep
 * the 8-byte alignment of its fields.
 */
#ifndef KEEL_BOOT_FIRMWARE_MAP_H
#define KEEL_BOOT_FIRMWARE_MAP_H

#include "boot/efi.h"
#include "kernel/base/range.h"
#include "kernel/base/status.h"

/* 4,096 descriptors of up to 64 bytes: more than any machine has shown, and the room that buffers.asm reserves. */
#define FIRMWARE_MAP_DESCRIPTORS_MAX 4096u
#define FIRMWARE_MAP_BUFFER_BYTES    (FIRMWARE_MAP_DESCRIPTORS_MAX * 64u)

struct firmware_map {
    uint8_t *buffer; /* FIRMWARE_MAP_BUFFER_BYTES, the caller's */
    uint64_t size_bytes;
    uint64_t descriptor_size;
    uint64_t key;
    uint32_t descriptor_version;
    bool descriptor_size_guessed; /* the firmware wrote none */
    efi_status status;            /* GetMemoryMap's own, for a message */
};

/*
 * Asks the firmware, through its current table.
 * STATUS_LIMIT: the map exceeds the buffer; STATUS_DEVICE: another error of the firmware's, or no service to call;
 * STATUS_INVALID: it says success, but the size or the stride cannot be.
 */
MUST_CHECK enum status firmware_map_get(struct efi_system_table *system_table, struct firmware_map *map);

/* Says on the console what firmware_map_get's answer means, the limits too. Returns false. */
bool firmware_map_refuse(struct efi_system_table *system_table, const struct firmware_map *map, enum status status);

/* Whole descriptors only; a size that the stride does not divide leaves a rest that no one reads. */
static inline uint64_t firmware_map_count(const struct firmware_map *map)
{
    return map->size_bytes / map->descriptor_size;
}

/* `index` is below firmware_map_count. */
struct efi_memory_descriptor firmware_map_at(const struct firmware_map *map, uint64_t index);

/* The pages that the descriptor touches, rounded outwards. False: none, or past the end of a 64-bit address. */
bool firmware_map_range(const struct efi_memory_descriptor *descriptor, struct prange *out);

/* Memory that software may have put something into: types 1 to 7, 9 and 10. */
bool firmware_map_is_ram(uint32_t type);

/* What SetVirtualAddressMap must be told of: the RUNTIME attribute, or a runtime type that lacks it (rule 6). */
bool firmware_map_is_runtime(const struct efi_memory_descriptor *descriptor);

/* Some RAM of the map lies in the range. */
bool firmware_map_overlaps_ram(const struct firmware_map *map, struct prange range);

#endif
