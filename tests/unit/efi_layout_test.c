/*
 * Our UEFI declarations against gnu-efi's: compiling this file is the test.
 *
 * Every field that we use, and the last of each struct, has gnu-efi's offset and size; every struct its size. Both
 * sides are included here: their types differ in case, and the macros that do clash are ours from the #undef list on.
 * What gnu-efi says of those is kept beforehand in enumerators, as bit numbers, because an enumerator is an int.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <efi.h>
#include <efilib.h>

#define GNU_BIT(name) GNU_##name = __builtin_ctzll(name)
enum {
    GNU_BIT(EFI_MEMORY_UC),
    GNU_BIT(EFI_MEMORY_WC),
    GNU_BIT(EFI_MEMORY_WT),
    GNU_BIT(EFI_MEMORY_WB),
    GNU_BIT(EFI_MEMORY_WP),
    GNU_BIT(EFI_MEMORY_RP),
    GNU_BIT(EFI_MEMORY_XP),
    GNU_BIT(EFI_MEMORY_RUNTIME),
};

/* An error is the top bit and a small number. */
#define GNU_ERROR(name) GNU_##name = (int)((name) & 0xFFFF)
enum {
    GNU_ERROR(EFI_LOAD_ERROR),
    GNU_ERROR(EFI_INVALID_PARAMETER),
    GNU_ERROR(EFI_UNSUPPORTED),
    GNU_ERROR(EFI_BUFFER_TOO_SMALL),
    GNU_ERROR(EFI_DEVICE_ERROR),
    GNU_ERROR(EFI_OUT_OF_RESOURCES),
    GNU_ERROR(EFI_NOT_FOUND),
    GNU_ERROR(EFI_SECURITY_VIOLATION),
};

#define GNU_VALUE(name) GNU_##name = (int)(name)
enum {
    GNU_VALUE(EFI_VARIABLE_NON_VOLATILE),
    GNU_VALUE(EFI_VARIABLE_BOOTSERVICE_ACCESS),
    GNU_VALUE(EFI_VARIABLE_RUNTIME_ACCESS),
    GNU_VALUE(EFI_UNSPECIFIED_TIMEZONE),
    GNU_VALUE(EFI_FILE_MODE_READ),
};
static const UINT64 gnu_system_table_signature = EFI_SYSTEM_TABLE_SIGNATURE;

#undef EFIAPI
#undef EFI_ERROR_BIT
#undef EFI_SUCCESS
#undef EFI_LOAD_ERROR
#undef EFI_INVALID_PARAMETER
#undef EFI_UNSUPPORTED
#undef EFI_BUFFER_TOO_SMALL
#undef EFI_DEVICE_ERROR
#undef EFI_OUT_OF_RESOURCES
#undef EFI_NOT_FOUND
#undef EFI_SECURITY_VIOLATION
#undef EFI_MEMORY_DESCRIPTOR_VERSION
#undef EFI_MEMORY_UC
#undef EFI_MEMORY_WC
#undef EFI_MEMORY_WT
#undef EFI_MEMORY_WB
#undef EFI_MEMORY_UCE
#undef EFI_MEMORY_WP
#undef EFI_MEMORY_RP
#undef EFI_MEMORY_XP
#undef EFI_MEMORY_RUNTIME
#undef EFI_UNSPECIFIED_TIMEZONE
#undef EFI_VARIABLE_NON_VOLATILE
#undef EFI_VARIABLE_BOOTSERVICE_ACCESS
#undef EFI_VARIABLE_RUNTIME_ACCESS
#undef EFI_SYSTEM_TABLE_SIGNATURE
#undef EFI_FILE_MODE_READ
#undef MIN
#undef MAX

#include "boot/efi.h"
#include "kernel/base/efi.h"

#define SAME_SIZE(ours, theirs) _Static_assert(sizeof(ours) == sizeof(theirs), "size of " #theirs)
#define SAME(ours, our_field, theirs, their_field)                                                     \
    _Static_assert(offsetof(ours, our_field) == offsetof(theirs, their_field) &&                       \
                       sizeof(((ours *)0)->our_field) == sizeof(((theirs *)0)->their_field),           \
                   #theirs "." #their_field)
#define SAME_BIT(name)   _Static_assert(name == (uint64_t)1 << GNU_##name, #name)
#define SAME_ERROR(name) _Static_assert(name == ((uint64_t)1 << 63 | GNU_##name), #name)
#define SAME_VALUE(name) _Static_assert((int)(name) == GNU_##name, #name)

SAME_BIT(EFI_MEMORY_UC);
SAME_BIT(EFI_MEMORY_WC);
SAME_BIT(EFI_MEMORY_WT);
SAME_BIT(EFI_MEMORY_WB);
SAME_BIT(EFI_MEMORY_WP);
SAME_BIT(EFI_MEMORY_RP);
SAME_BIT(EFI_MEMORY_XP);
SAME_BIT(EFI_MEMORY_RUNTIME);
SAME_ERROR(EFI_LOAD_ERROR);
SAME_ERROR(EFI_INVALID_PARAMETER);
SAME_ERROR(EFI_UNSUPPORTED);
SAME_ERROR(EFI_BUFFER_TOO_SMALL);
SAME_ERROR(EFI_DEVICE_ERROR);
SAME_ERROR(EFI_OUT_OF_RESOURCES);
SAME_ERROR(EFI_NOT_FOUND);
SAME_ERROR(EFI_SECURITY_VIOLATION);
SAME_VALUE(EFI_VARIABLE_NON_VOLATILE);
SAME_VALUE(EFI_VARIABLE_BOOTSERVICE_ACCESS);
SAME_VALUE(EFI_VARIABLE_RUNTIME_ACCESS);
SAME_VALUE(EFI_UNSPECIFIED_TIMEZONE);
SAME_VALUE(EFI_FILE_MODE_READ);

/* The types and their numbers: kernel/base/efi.h and boot/efi.h. */
_Static_assert((int)EFI_RESERVED_MEMORY == (int)EfiReservedMemoryType, "memory type");
_Static_assert((int)EFI_LOADER_DATA == (int)EfiLoaderData, "memory type");
_Static_assert((int)EFI_BOOT_SERVICES_DATA == (int)EfiBootServicesData, "memory type");
_Static_assert((int)EFI_RUNTIME_SERVICES_CODE == (int)EfiRuntimeServicesCode, "memory type");
_Static_assert((int)EFI_CONVENTIONAL_MEMORY == (int)EfiConventionalMemory, "memory type");
_Static_assert((int)EFI_UNUSABLE_MEMORY == (int)EfiUnusableMemory, "memory type");
_Static_assert((int)EFI_ACPI_RECLAIM_MEMORY == (int)EfiACPIReclaimMemory, "memory type");
_Static_assert((int)EFI_ACPI_NVS_MEMORY == (int)EfiACPIMemoryNVS, "memory type");
_Static_assert((int)EFI_MMIO == (int)EfiMemoryMappedIO, "memory type");
_Static_assert((int)EFI_MMIO_PORT_SPACE == (int)EfiMemoryMappedIOPortSpace, "memory type");
_Static_assert((int)EFI_PAL_CODE == (int)EfiPalCode, "memory type");
_Static_assert((int)EFI_RESET_COLD == (int)EfiResetCold, "reset type");
_Static_assert((int)EFI_RESET_WARM == (int)EfiResetWarm, "reset type");
_Static_assert((int)EFI_RESET_SHUTDOWN == (int)EfiResetShutdown, "reset type");
_Static_assert((int)EFI_ALLOCATE_ANY_PAGES == (int)AllocateAnyPages, "allocate type");
_Static_assert((int)EFI_ALLOCATE_MAX_ADDRESS == (int)AllocateMaxAddress, "allocate type");
_Static_assert((int)EFI_ALLOCATE_ADDRESS == (int)AllocateAddress, "allocate type");
_Static_assert((int)EFI_LOCATE_ALL_HANDLES == (int)AllHandles, "search type");
_Static_assert((int)EFI_LOCATE_BY_REGISTER_NOTIFY == (int)ByRegisterNotify, "search type");
_Static_assert((int)EFI_LOCATE_BY_PROTOCOL == (int)ByProtocol, "search type");
_Static_assert((int)EFI_PIXEL_RGBX == (int)PixelRedGreenBlueReserved8BitPerColor, "pixel format");
_Static_assert((int)EFI_PIXEL_BGRX == (int)PixelBlueGreenRedReserved8BitPerColor, "pixel format");
_Static_assert((int)EFI_PIXEL_BIT_MASK == (int)PixelBitMask, "pixel format");
_Static_assert((int)EFI_PIXEL_BLT_ONLY == (int)PixelBltOnly, "pixel format");
SAME_SIZE(efi_status, EFI_STATUS);
SAME_SIZE(enum efi_memory_type, EFI_MEMORY_TYPE);
SAME_SIZE(enum efi_allocate_type, EFI_ALLOCATE_TYPE);
SAME_SIZE(enum efi_locate_search_type, EFI_LOCATE_SEARCH_TYPE);
SAME_SIZE(enum efi_reset_type, EFI_RESET_TYPE);

SAME_SIZE(struct efi_guid, EFI_GUID);
SAME(struct efi_guid, data1, EFI_GUID, Data1);
SAME(struct efi_guid, data2, EFI_GUID, Data2);
SAME(struct efi_guid, data3, EFI_GUID, Data3);
SAME(struct efi_guid, data4, EFI_GUID, Data4);

SAME_SIZE(struct efi_table_header, EFI_TABLE_HEADER);
SAME(struct efi_table_header, signature, EFI_TABLE_HEADER, Signature);
SAME(struct efi_table_header, revision, EFI_TABLE_HEADER, Revision);
SAME(struct efi_table_header, header_size, EFI_TABLE_HEADER, HeaderSize);
SAME(struct efi_table_header, crc32, EFI_TABLE_HEADER, CRC32);
SAME(struct efi_table_header, reserved, EFI_TABLE_HEADER, Reserved);

SAME_SIZE(struct efi_memory_descriptor, EFI_MEMORY_DESCRIPTOR);
SAME(struct efi_memory_descriptor, type, EFI_MEMORY_DESCRIPTOR, Type);
SAME(struct efi_memory_descriptor, physical_start, EFI_MEMORY_DESCRIPTOR, PhysicalStart);
SAME(struct efi_memory_descriptor, virtual_start, EFI_MEMORY_DESCRIPTOR, VirtualStart);
SAME(struct efi_memory_descriptor, number_of_pages, EFI_MEMORY_DESCRIPTOR, NumberOfPages);
SAME(struct efi_memory_descriptor, attribute, EFI_MEMORY_DESCRIPTOR, Attribute);

SAME_SIZE(struct efi_time, EFI_TIME);
SAME(struct efi_time, year, EFI_TIME, Year);
SAME(struct efi_time, month, EFI_TIME, Month);
SAME(struct efi_time, day, EFI_TIME, Day);
SAME(struct efi_time, hour, EFI_TIME, Hour);
SAME(struct efi_time, minute, EFI_TIME, Minute);
SAME(struct efi_time, second, EFI_TIME, Second);
SAME(struct efi_time, nanosecond, EFI_TIME, Nanosecond);
SAME(struct efi_time, timezone, EFI_TIME, TimeZone);
SAME(struct efi_time, daylight, EFI_TIME, Daylight);

SAME_SIZE(struct efi_time_capabilities, EFI_TIME_CAPABILITIES);
SAME(struct efi_time_capabilities, resolution, EFI_TIME_CAPABILITIES, Resolution);
SAME(struct efi_time_capabilities, accuracy, EFI_TIME_CAPABILITIES, Accuracy);
SAME(struct efi_time_capabilities, sets_to_zero, EFI_TIME_CAPABILITIES, SetsToZero);

SAME(struct efi_runtime_services, header, EFI_RUNTIME_SERVICES, Hdr);
SAME(struct efi_runtime_services, get_time, EFI_RUNTIME_SERVICES, GetTime);
SAME(struct efi_runtime_services, set_time, EFI_RUNTIME_SERVICES, SetTime);
SAME(struct efi_runtime_services, get_wakeup_time, EFI_RUNTIME_SERVICES, GetWakeupTime);
SAME(struct efi_runtime_services, set_wakeup_time, EFI_RUNTIME_SERVICES, SetWakeupTime);
SAME(struct efi_runtime_services, set_virtual_address_map, EFI_RUNTIME_SERVICES, SetVirtualAddressMap);
SAME(struct efi_runtime_services, convert_pointer, EFI_RUNTIME_SERVICES, ConvertPointer);
SAME(struct efi_runtime_services, get_variable, EFI_RUNTIME_SERVICES, GetVariable);
SAME(struct efi_runtime_services, get_next_variable_name, EFI_RUNTIME_SERVICES, GetNextVariableName);
SAME(struct efi_runtime_services, set_variable, EFI_RUNTIME_SERVICES, SetVariable);
SAME(struct efi_runtime_services, get_next_high_monotonic_count, EFI_RUNTIME_SERVICES, GetNextHighMonotonicCount);
SAME(struct efi_runtime_services, reset_system, EFI_RUNTIME_SERVICES, ResetSystem);
SAME(struct efi_runtime_services, update_capsule, EFI_RUNTIME_SERVICES, UpdateCapsule);
SAME(struct efi_runtime_services, query_capsule_capabilities, EFI_RUNTIME_SERVICES, QueryCapsuleCapabilities);
SAME(struct efi_runtime_services, query_variable_info, EFI_RUNTIME_SERVICES, QueryVariableInfo);

SAME_SIZE(struct efi_configuration_table, EFI_CONFIGURATION_TABLE);
SAME(struct efi_configuration_table, guid, EFI_CONFIGURATION_TABLE, VendorGuid);
SAME(struct efi_configuration_table, table, EFI_CONFIGURATION_TABLE, VendorTable);

SAME_SIZE(struct efi_system_table, EFI_SYSTEM_TABLE);
SAME(struct efi_system_table, header, EFI_SYSTEM_TABLE, Hdr);
SAME(struct efi_system_table, firmware_vendor, EFI_SYSTEM_TABLE, FirmwareVendor);
SAME(struct efi_system_table, firmware_revision, EFI_SYSTEM_TABLE, FirmwareRevision);
SAME(struct efi_system_table, console_in_handle, EFI_SYSTEM_TABLE, ConsoleInHandle);
SAME(struct efi_system_table, console_in, EFI_SYSTEM_TABLE, ConIn);
SAME(struct efi_system_table, console_out_handle, EFI_SYSTEM_TABLE, ConsoleOutHandle);
SAME(struct efi_system_table, console_out, EFI_SYSTEM_TABLE, ConOut);
SAME(struct efi_system_table, standard_error_handle, EFI_SYSTEM_TABLE, StandardErrorHandle);
SAME(struct efi_system_table, standard_error, EFI_SYSTEM_TABLE, StdErr);
SAME(struct efi_system_table, runtime_services, EFI_SYSTEM_TABLE, RuntimeServices);
SAME(struct efi_system_table, boot_services, EFI_SYSTEM_TABLE, BootServices);
SAME(struct efi_system_table, configuration_table_count, EFI_SYSTEM_TABLE, NumberOfTableEntries);
SAME(struct efi_system_table, configuration_tables, EFI_SYSTEM_TABLE, ConfigurationTable);

SAME_SIZE(struct efi_boot_services, EFI_BOOT_SERVICES);
SAME(struct efi_boot_services, header, EFI_BOOT_SERVICES, Hdr);
SAME(struct efi_boot_services, raise_tpl, EFI_BOOT_SERVICES, RaiseTPL);
SAME(struct efi_boot_services, allocate_pages, EFI_BOOT_SERVICES, AllocatePages);
SAME(struct efi_boot_services, free_pages, EFI_BOOT_SERVICES, FreePages);
SAME(struct efi_boot_services, get_memory_map, EFI_BOOT_SERVICES, GetMemoryMap);
SAME(struct efi_boot_services, allocate_pool, EFI_BOOT_SERVICES, AllocatePool);
SAME(struct efi_boot_services, create_event, EFI_BOOT_SERVICES, CreateEvent);
SAME(struct efi_boot_services, handle_protocol, EFI_BOOT_SERVICES, HandleProtocol);
SAME(struct efi_boot_services, locate_handle, EFI_BOOT_SERVICES, LocateHandle);
SAME(struct efi_boot_services, install_configuration_table, EFI_BOOT_SERVICES, InstallConfigurationTable);
SAME(struct efi_boot_services, load_image, EFI_BOOT_SERVICES, LoadImage);
SAME(struct efi_boot_services, start_image, EFI_BOOT_SERVICES, StartImage);
SAME(struct efi_boot_services, exit, EFI_BOOT_SERVICES, Exit);
SAME(struct efi_boot_services, exit_boot_services, EFI_BOOT_SERVICES, ExitBootServices);
SAME(struct efi_boot_services, stall, EFI_BOOT_SERVICES, Stall);
SAME(struct efi_boot_services, set_watchdog_timer, EFI_BOOT_SERVICES, SetWatchdogTimer);
SAME(struct efi_boot_services, open_protocol, EFI_BOOT_SERVICES, OpenProtocol);
SAME(struct efi_boot_services, locate_handle_buffer, EFI_BOOT_SERVICES, LocateHandleBuffer);
SAME(struct efi_boot_services, locate_protocol, EFI_BOOT_SERVICES, LocateProtocol);
SAME(struct efi_boot_services, calculate_crc32, EFI_BOOT_SERVICES, CalculateCrc32);
SAME(struct efi_boot_services, create_event_ex, EFI_BOOT_SERVICES, CreateEventEx);

SAME_SIZE(struct efi_simple_text_output, SIMPLE_TEXT_OUTPUT_INTERFACE);
SAME(struct efi_simple_text_output, output_string, SIMPLE_TEXT_OUTPUT_INTERFACE, OutputString);
SAME(struct efi_simple_text_output, mode, SIMPLE_TEXT_OUTPUT_INTERFACE, Mode);

SAME_SIZE(struct efi_loaded_image, EFI_LOADED_IMAGE);
SAME(struct efi_loaded_image, revision, EFI_LOADED_IMAGE, Revision);
SAME(struct efi_loaded_image, parent_handle, EFI_LOADED_IMAGE, ParentHandle);
SAME(struct efi_loaded_image, system_table, EFI_LOADED_IMAGE, SystemTable);
SAME(struct efi_loaded_image, device_handle, EFI_LOADED_IMAGE, DeviceHandle);
SAME(struct efi_loaded_image, file_path, EFI_LOADED_IMAGE, FilePath);
SAME(struct efi_loaded_image, load_options_size_bytes, EFI_LOADED_IMAGE, LoadOptionsSize);
SAME(struct efi_loaded_image, load_options, EFI_LOADED_IMAGE, LoadOptions);
SAME(struct efi_loaded_image, image_base, EFI_LOADED_IMAGE, ImageBase);
SAME(struct efi_loaded_image, image_size_bytes, EFI_LOADED_IMAGE, ImageSize);
SAME(struct efi_loaded_image, image_code_type, EFI_LOADED_IMAGE, ImageCodeType);
SAME(struct efi_loaded_image, image_data_type, EFI_LOADED_IMAGE, ImageDataType);
SAME(struct efi_loaded_image, unload, EFI_LOADED_IMAGE, Unload);

SAME_SIZE(struct efi_pixel_masks, EFI_PIXEL_BITMASK);
SAME(struct efi_pixel_masks, red, EFI_PIXEL_BITMASK, RedMask);
SAME(struct efi_pixel_masks, green, EFI_PIXEL_BITMASK, GreenMask);
SAME(struct efi_pixel_masks, blue, EFI_PIXEL_BITMASK, BlueMask);
SAME(struct efi_pixel_masks, reserved, EFI_PIXEL_BITMASK, ReservedMask);

SAME_SIZE(struct efi_graphics_mode_information, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION);
SAME(struct efi_graphics_mode_information, version, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION, Version);
SAME(struct efi_graphics_mode_information, width_pixels, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION, HorizontalResolution);
SAME(struct efi_graphics_mode_information, height_pixels, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION, VerticalResolution);
SAME(struct efi_graphics_mode_information, pixel_format, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION, PixelFormat);
SAME(struct efi_graphics_mode_information, masks, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION, PixelInformation);
SAME(struct efi_graphics_mode_information, pixels_per_scan_line, EFI_GRAPHICS_OUTPUT_MODE_INFORMATION,
     PixelsPerScanLine);

SAME_SIZE(struct efi_graphics_mode, EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE);
SAME(struct efi_graphics_mode, mode_count, EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE, MaxMode);
SAME(struct efi_graphics_mode, mode, EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE, Mode);
SAME(struct efi_graphics_mode, information, EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE, Info);
SAME(struct efi_graphics_mode, information_size_bytes, EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE, SizeOfInfo);
SAME(struct efi_graphics_mode, frame_buffer_base, EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE, FrameBufferBase);
SAME(struct efi_graphics_mode, frame_buffer_size_bytes, EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE, FrameBufferSize);

SAME_SIZE(struct efi_graphics_output, EFI_GRAPHICS_OUTPUT_PROTOCOL);
SAME(struct efi_graphics_output, mode, EFI_GRAPHICS_OUTPUT_PROTOCOL, Mode);

SAME(struct efi_file, revision, EFI_FILE, Revision);
SAME(struct efi_file, open, EFI_FILE, Open);
SAME(struct efi_file, close, EFI_FILE, Close);
SAME(struct efi_file, read, EFI_FILE, Read);
SAME(struct efi_file, flush, EFI_FILE, Flush);
SAME_SIZE(struct efi_simple_file_system, EFI_FILE_IO_INTERFACE);
SAME(struct efi_simple_file_system, open_volume, EFI_FILE_IO_INTERFACE, OpenVolume);

SAME_SIZE(struct efi_rng, EFI_RNG_PROTOCOL);
SAME(struct efi_rng, get_info, EFI_RNG_PROTOCOL, GetInfo);
SAME(struct efi_rng, get_rng, EFI_RNG_PROTOCOL, GetRNG);

/* Braces are no constant that C could compare while compiling, so the program does that much when it runs. */
static void guids_and_signature_are_gnu_efi_s(void **state)
{
    (void)state;
    static const struct {
        struct efi_guid ours;
        EFI_GUID theirs;
    } guids[] = {
        {EFI_GUID_LOADED_IMAGE, EFI_LOADED_IMAGE_PROTOCOL_GUID},
        {EFI_GUID_GRAPHICS_OUTPUT, EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID},
        {EFI_GUID_SIMPLE_FILE_SYSTEM, EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID},
        {EFI_GUID_RNG, EFI_RNG_PROTOCOL_GUID},
        {EFI_GUID_ACPI_20, ACPI_20_TABLE_GUID},
        {EFI_GUID_ACPI_10, ACPI_TABLE_GUID},
        {EFI_GUID_SMBIOS, SMBIOS_TABLE_GUID},
        {EFI_GUID_SMBIOS3, SMBIOS3_TABLE_GUID},
        {EFI_GUID_GLOBAL_VARIABLE, EFI_GLOBAL_VARIABLE},
    };
    for (unsigned i = 0; i < sizeof(guids) / sizeof(guids[0]); i++)
        assert_memory_equal(&guids[i].ours, &guids[i].theirs, sizeof(struct efi_guid));
    assert_true(gnu_system_table_signature == EFI_SYSTEM_TABLE_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(guids_and_signature_are_gnu_efi_s)};
    return cmocka_run_group_tests_name("efi_layout", tests, NULL, NULL);
}
