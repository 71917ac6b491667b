/*
 * Telling the firmware where it will find itself: see virtual_map.h.
 *
 *     RuntimeServicesCode  [p, p + n)  virtual_start = p
 *     MMIO with RUNTIME    [q, q + m)  virtual_start = q     and so on: 1:1, always
 *
 * SMM handlers cannot follow high addresses, and a physical pointer that firmware forgot to convert is right all the
 * same. The call is still made, although nothing moves: EDK2's services think that they are in boot time until they
 * have been told (firmware-quirk 49), and would ask boot services that are gone.
 */
#include "boot/virtual_map.h"

#include "boot/buffers.h"
#include "boot/failure.h"
#include "boot/fault.h"
#include "kernel/base/string.h"

uint64_t virtual_map_build(const struct firmware_map *map, uint8_t *out, bool *bit_missing)
{
    uint64_t size_bytes = 0;
    *bit_missing = false;
    for (uint64_t i = 0; i < firmware_map_count(map); i++) {
        struct efi_memory_descriptor descriptor = firmware_map_at(map, i);
        struct prange range;
        if (!firmware_map_is_runtime(&descriptor) || !firmware_map_range(&descriptor, &range))
            continue;
        *bit_missing |= (descriptor.attribute & EFI_MEMORY_RUNTIME) == 0;
        descriptor.attribute |= EFI_MEMORY_RUNTIME;
        descriptor.virtual_start = descriptor.physical_start;
        /* All of the stride: what a newer descriptor has beyond ours is the firmware's to know. */
        memcpy(out + size_bytes, map->buffer + i * map->descriptor_size, map->descriptor_size);
        memcpy(out + size_bytes, &descriptor, sizeof(descriptor));
        size_bytes += map->descriptor_size;
    }
    return size_bytes;
}

/* The current table's, and only if the firmware says that it works after the exit (4.6.2). */
static uint64_t find_service(const struct boot *boot)
{
    const struct efi_runtime_services *services = boot->system_table->runtime_services;
    bool works = (boot->handoff->runtime_services_supported & EFI_RT_SUPPORTED_SET_VIRTUAL_ADDRESS_MAP) != 0;
    return services != NULL && works ? (uint64_t)(uintptr_t)services->set_virtual_address_map : 0;
}

void virtual_map_set(struct boot *boot)
{
    struct handoff *handoff = boot->handoff;
    bool bit_missing;
    struct fault_call call = {
        .function = find_service(boot),
        .arguments = {virtual_map_build(&boot->map, buffers_scratch, &bit_missing), boot->map.descriptor_size,
                      boot->map.descriptor_version, (uint64_t)(uintptr_t)buffers_scratch},
    };
    handoff->warnings |= bit_missing ? HANDOFF_WARNING_RUNTIME_BIT_MISSING : 0u;
    /* No service, or nothing to tell it of: NOT_CALLED, and the kernel decides what that means (kernel/runtime.c). */
    if (call.function == 0 || call.arguments[0] == 0)
        return;
    (void)failure_mark_contained(MARK_VIRTUAL_MAP); /* who does not return cannot be stopped, but seen */
    /* Once: a second call is EFI_UNSUPPORTED at best, so a fault is not tried again. */
    bool returned = fault_contain(&call);
    handoff->virtual_map = call.result == EFI_SUCCESS ? HANDOFF_VIRTUAL_MAP_OK : HANDOFF_VIRTUAL_MAP_FAILED;
    if (!returned)
        handoff->virtual_map = HANDOFF_VIRTUAL_MAP_FAULTED;
    handoff->virtual_map_status = call.result; /* this and what follows: 0 when it does not apply */
    handoff->virtual_map_vector = call.vector;
    handoff->virtual_map_rip = call.rip;
}
