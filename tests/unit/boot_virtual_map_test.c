/* boot/virtual_map.c: what SetVirtualAddressMap is told, and how its ways to end reach the hand-off. */
#include "tests/unit/boot_fake.h"

#include <string.h>

#include "boot/virtual_map.h"

static struct efi_runtime_services services;
static struct {
    unsigned calls;
    uint64_t size_bytes;
    uint64_t stride;
    uint32_t version;
    efi_status result;
    struct efi_memory_descriptor first;
} told;

static efi_status EFIAPI set_virtual_address_map(uint64_t size_bytes, uint64_t stride, uint32_t version,
                                                 struct efi_memory_descriptor *map)
{
    told.calls++;
    told.size_bytes = size_bytes;
    told.stride = stride;
    told.version = version;
    told.first = *map;
    return told.result;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(&told, 0, sizeof(told));
    services.set_virtual_address_map = set_virtual_address_map;
    fake.system_table.runtime_services = &services;
    fake.stride = 48;
    return 0;
}

static struct boot boot_with_map(void)
{
    struct boot boot = fake_boot();
    boot.handoff->runtime_services_supported = UINT32_MAX;
    assert_int_equal(firmware_map_get(boot.system_table, &boot.map), STATUS_OK);
    return boot;
}

static void add_usual(void)
{
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0, 0x80, EFI_MEMORY_WB);
    fake_add_descriptor(EFI_RUNTIME_SERVICES_CODE, 0x100000, 1, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
    fake_add_descriptor(EFI_MMIO, 0xFFC00000, 0x400, EFI_MEMORY_UC | EFI_MEMORY_RUNTIME);
    fake_add_descriptor(EFI_BOOT_SERVICES_DATA, 0x200000, 1, EFI_MEMORY_WB);
}

static void runtime_subset_is_one_to_one(void **state)
{
    (void)state;
    uint8_t *out = buffers_scratch;
    bool bit_missing;
    add_usual();
    memset(fake.map + 48 + 40, 0x5A, 8); /* what this firmware keeps behind the fields that we know */
    struct boot boot = boot_with_map();
    assert_int_equal(virtual_map_build(&boot.map, out, &bit_missing), 2 * 48);
    assert_false(bit_missing);
    struct efi_memory_descriptor flash;
    memcpy(&flash, out + 48, sizeof(flash));
    assert_int_equal(flash.type, EFI_MMIO);
    assert_int_equal(flash.virtual_start, 0xFFC00000);
    assert_int_equal(flash.physical_start, 0xFFC00000);
    assert_memory_equal(out + 40, "\x5A\x5A\x5A\x5A\x5A\x5A\x5A\x5A", 8);
}

static void missing_bit_is_mended_in_the_copy_only(void **state)
{
    (void)state;
    uint8_t *out = buffers_scratch;
    bool bit_missing;
    fake_add_descriptor(EFI_RUNTIME_SERVICES_DATA, 0x100000, 1, EFI_MEMORY_WB);
    fake_add_descriptor(EFI_CONVENTIONAL_MEMORY, 0x200000, 1, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
    struct boot boot = boot_with_map();
    assert_int_equal(virtual_map_build(&boot.map, out, &bit_missing), 2 * 48);
    assert_true(bit_missing);
    struct efi_memory_descriptor copy;
    memcpy(&copy, out, sizeof(copy));
    assert_int_equal(copy.attribute, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
    assert_int_equal(firmware_map_at(&boot.map, 0).attribute, EFI_MEMORY_WB);
    assert_int_equal(firmware_map_at(&boot.map, 0).virtual_start, 0);
}

static void malformed_descriptors_are_left_out(void **state)
{
    (void)state;
    bool bit_missing;
    fake_add_descriptor(EFI_RUNTIME_SERVICES_DATA, 0x100000, 0, EFI_MEMORY_RUNTIME);
    fake_add_descriptor(EFI_RUNTIME_SERVICES_DATA, 0xFFFFFFFFFFFFF000, 0x0200000000000001, EFI_MEMORY_RUNTIME);
    struct boot boot = boot_with_map();
    assert_int_equal(virtual_map_build(&boot.map, buffers_scratch, &bit_missing), 0);
    virtual_map_set(&boot);
    assert_int_equal(boot.handoff->virtual_map, HANDOFF_VIRTUAL_MAP_NOT_CALLED);
}

static void success(void **state)
{
    (void)state;
    add_usual();
    fake.version = 2;
    struct boot boot = boot_with_map();
    virtual_map_set(&boot);
    assert_int_equal(told.calls, 1);
    assert_string_equal(fake.serial, "\r\nkeel: calling SetVirtualAddressMap\r\n");
    assert_int_equal(told.size_bytes, 2 * 48);
    assert_int_equal(told.stride, 48);
    assert_int_equal(told.version, 2);
    assert_int_equal(told.first.virtual_start, 0x100000);
    assert_int_equal(boot.handoff->virtual_map, HANDOFF_VIRTUAL_MAP_OK);
}

static void failure(void **state)
{
    (void)state;
    add_usual();
    told.result = EFI_UNSUPPORTED;
    struct boot boot = boot_with_map();
    virtual_map_set(&boot);
    assert_int_equal(boot.handoff->virtual_map, HANDOFF_VIRTUAL_MAP_FAILED);
    assert_int_equal(boot.handoff->virtual_map_status, EFI_UNSUPPORTED);
}

static void fault(void **state)
{
    (void)state;
    add_usual();
    fake.call_faults = true;
    struct boot boot = boot_with_map();
    virtual_map_set(&boot);
    assert_int_equal(boot.handoff->virtual_map, HANDOFF_VIRTUAL_MAP_FAULTED);
    assert_int_equal(boot.handoff->virtual_map_vector, 14);
    assert_int_equal(fake.contained_calls, 2); /* the mark, whose screen is not mapped here, and the service: once */
}

static void not_called_where_the_firmware_has_none(void **state)
{
    (void)state;
    add_usual();
    struct boot boot = boot_with_map();
    boot.handoff->runtime_services_supported = ~EFI_RT_SUPPORTED_SET_VIRTUAL_ADDRESS_MAP;
    virtual_map_set(&boot);
    fake.system_table.runtime_services = NULL;
    boot.handoff->runtime_services_supported = UINT32_MAX;
    virtual_map_set(&boot);
    assert_int_equal(fake.contained_calls, 0);
    assert_int_equal(boot.handoff->virtual_map, HANDOFF_VIRTUAL_MAP_NOT_CALLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(runtime_subset_is_one_to_one, setup),
        cmocka_unit_test_setup(missing_bit_is_mended_in_the_copy_only, setup),
        cmocka_unit_test_setup(malformed_descriptors_are_left_out, setup),
        cmocka_unit_test_setup(success, setup),
        cmocka_unit_test_setup(failure, setup),
        cmocka_unit_test_setup(fault, setup),
        cmocka_unit_test_setup(not_called_where_the_firmware_has_none, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
