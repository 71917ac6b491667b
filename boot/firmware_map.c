/*
 * Reading the firmware's memory map: see firmware_map.h.
 *
 *     buffer  | descriptor 0 .......|pad| descriptor 1 .......|pad| ... |rest|
 *             |<- 40 bytes (v1) --->|   |
 *             |<- descriptor_size ----->|        48 from EDK2, on purpose: an index by sizeof breaks at once
 *
 * What is looked at here is what later arithmetic rests on: the size, the stride and the count. What the descriptors
 * say is believed by nobody; mm/memmap.c sorts that out once there is a kernel.
 */
#include "boot/firmware_map.h"

#include "boot/say.h"
#include "kernel/base/string.h"

/* 7.2.3: types from here on are the OEM's or an OS loader's. */
#define OEM_TYPES_START 0x70000000u

/* For guessing the stride: 2^52 bytes of memory, and the room that the buffer has for each descriptor. */
#define PAGES_MAX          ((uint64_t)1 << 40)
#define GUESSED_STRIDE_MAX (FIRMWARE_MAP_BUFFER_BYTES / FIRMWARE_MAP_DESCRIPTORS_MAX)

/* How descriptors look when they are read with the right stride: whole pages, of a type that is defined or an OEM's. */
static bool is_plausible(const struct firmware_map *map)
{
    bool plausible = map->size_bytes % map->descriptor_size == 0;
    for (uint64_t i = 0; i < firmware_map_count(map) && plausible; i++) {
        struct efi_memory_descriptor descriptor = firmware_map_at(map, i);
        bool known_type = descriptor.type <= EFI_UNACCEPTED_MEMORY || descriptor.type >= OEM_TYPES_START;
        plausible = known_type && (descriptor.physical_start & PAGE_MASK) == 0 &&
                    descriptor.number_of_pages <= PAGES_MAX;
    }
    return plausible;
}

/* The firmware wrote no stride: the first that makes sense of the map, from our struct's size on; 0 if none does. */
static void guess_stride(struct firmware_map *map)
{
    /* In steps of 8, the alignment of the fields. */
    map->descriptor_size = sizeof(struct efi_memory_descriptor);
    while (map->descriptor_size <= GUESSED_STRIDE_MAX && !is_plausible(map))
        map->descriptor_size += 8;
    if (map->descriptor_size > GUESSED_STRIDE_MAX)
        map->descriptor_size = 0;
}

/* Firmware may say success and mean nonsense: the three numbers that later arithmetic rests on are looked at here. */
static enum status check_numbers(struct firmware_map *map)
{
    if (map->size_bytes > FIRMWARE_MAP_BUFFER_BYTES)
        return STATUS_INVALID;
    map->descriptor_size_guessed = map->descriptor_size == 0;
    if (map->descriptor_size_guessed)
        guess_stride(map);
    /* The order matters: firmware_map_count divides by the stride, which is not 0 only behind the first half. */
    if (map->descriptor_size < sizeof(struct efi_memory_descriptor) || firmware_map_count(map) == 0)
        return STATUS_INVALID;
    return firmware_map_count(map) > FIRMWARE_MAP_DESCRIPTORS_MAX ? STATUS_LIMIT : STATUS_OK;
}

enum status firmware_map_get(struct efi_system_table *system_table, struct firmware_map *map)
{
    const struct efi_boot_services *services = system_table->boot_services;
    /* Every field anew on every try: a failed call may have left the size that it wanted in it. */
    /* A stride of 0, so that a firmware that writes none is noticed. */
    *map = (struct firmware_map){
        .buffer = map->buffer, .size_bytes = FIRMWARE_MAP_BUFFER_BYTES, .status = EFI_UNSUPPORTED};
    /* A firmware that lets go half way may already have cleared its tables. */
    if (services == NULL || services->get_memory_map == NULL)
        return STATUS_DEVICE;
    map->status = services->get_memory_map(&map->size_bytes, map->buffer, &map->key, &map->descriptor_size,
                                           &map->descriptor_version);
    if (map->status == EFI_SUCCESS)
        return check_numbers(map);
    return map->status == EFI_BUFFER_TOO_SMALL ? STATUS_LIMIT : STATUS_DEVICE;
}

bool firmware_map_refuse(struct efi_system_table *system_table, const struct firmware_map *map, enum status status)
{
    return say_refusal(system_table,
                       "the memory map: %s (status 0x%llx, %llu bytes, stride %llu; at most %u descriptors, %u bytes)",
                       status_name(status), (unsigned long long)map->status, (unsigned long long)map->size_bytes,
                       (unsigned long long)map->descriptor_size, FIRMWARE_MAP_DESCRIPTORS_MAX,
                       FIRMWARE_MAP_BUFFER_BYTES);
}

struct efi_memory_descriptor firmware_map_at(const struct firmware_map *map, uint64_t index)
{
    struct efi_memory_descriptor descriptor;
    /* A copy: a stride of 44 would misalign every second descriptor, which UBSan and the standard object to. */
    memcpy(&descriptor, map->buffer + index * map->descriptor_size, sizeof(descriptor));
    return descriptor;
}

bool firmware_map_range(const struct efi_memory_descriptor *descriptor, struct prange *out)
{
    /*
     * Firmware has said 0x0200000000000001 pages (firmware-quirk 10), and none at all (9). Room for rounding up is
     * kept.
     */
    uint64_t page_limit = (UINT64_MAX - descriptor->physical_start) >> PAGE_SHIFT;
    if (descriptor->number_of_pages == 0 || descriptor->number_of_pages >= page_limit)
        return false;
    uint64_t end = descriptor->physical_start + (descriptor->number_of_pages << PAGE_SHIFT);
    *out = PRANGE(align_down(descriptor->physical_start, PAGE_SIZE), align_up(end, PAGE_SIZE));
    return true;
}

bool firmware_map_is_ram(uint32_t type)
{
    return (type >= EFI_LOADER_CODE && type <= EFI_CONVENTIONAL_MEMORY) || type == EFI_ACPI_RECLAIM_MEMORY ||
           type == EFI_ACPI_NVS_MEMORY;
}

bool firmware_map_is_runtime(const struct efi_memory_descriptor *descriptor)
{
    return (descriptor->attribute & EFI_MEMORY_RUNTIME) != 0 || descriptor->type == EFI_RUNTIME_SERVICES_CODE ||
           descriptor->type == EFI_RUNTIME_SERVICES_DATA;
}

bool firmware_map_overlaps_ram(const struct firmware_map *map, struct prange range)
{
    for (uint64_t i = 0; i < firmware_map_count(map); i++) {
        struct efi_memory_descriptor descriptor = firmware_map_at(map, i);
        struct prange ram;
        if (firmware_map_is_ram(descriptor.type) && firmware_map_range(&descriptor, &ram) &&
            prange_overlaps(ram, range))
            return true;
    }
    return false;
}
