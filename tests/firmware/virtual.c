/* Watching SetVirtualAddressMap: see virtual.h. */
#include "tests/firmware/virtual.h"

#include "kernel/base/string.h"
#include "tests/firmware/calls.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/harm.h"
#include "tests/firmware/serial.h"
#include "tests/firmware/space.h"

static uint32_t calls_so_far;

static bool is_one_to_one(const uint8_t *map, uint64_t size_bytes, uint64_t stride)
{
    for (uint64_t at = 0; stride != 0 && at + stride <= size_bytes; at += stride) {
        struct efi_memory_descriptor descriptor;
        memcpy(&descriptor, map + at, sizeof(descriptor));
        if (descriptor.virtual_start != descriptor.physical_start || (descriptor.attribute & EFI_MEMORY_RUNTIME) == 0)
            return false;
    }
    return true;
}

/* What the kernel's call reaches. */
static efi_status EFIAPI set_virtual_address_map(uint64_t size_bytes, uint64_t stride, uint32_t version,
                                                 struct efi_memory_descriptor *map)
{
    calls_so_far++;
    serial_say("SetVirtualAddressMap call %u: boot-memory=%s one-to-one=%s descriptors=%llu", calls_so_far,
               harm_boot_memory_intact() ? "intact" : "changed",
               is_one_to_one((const uint8_t *)map, size_bytes, stride) ? "yes" : "no",
               stride == 0 ? 0ull : (unsigned long long)(size_bytes / stride));
    space_check();
    return firmware.real_runtime.set_virtual_address_map(size_bytes, stride, version, map);
}

void virtual_install(void)
{
    calls_replace(calls_find("SetVirtualAddressMap"), (uint64_t)(uintptr_t)set_virtual_address_map);
}
