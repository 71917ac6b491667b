/*
 * The UEFI types that outlive ExitBootServices: memory descriptors, the system and runtime-services tables, the
 * configuration tables that we read. Boot services and protocols are in boot/efi.h, which only boot/ may include.
 *
 * Source: UEFI Specification 2.10; section numbers stand at each item. tests/unit/efi_layout_test.c compares every
 * offset and size with the gnu-efi headers when it is compiled.
 */
#ifndef KEEL_BASE_EFI_H
#define KEEL_BASE_EFI_H

#include "kernel/base/types.h"

/* The calling convention of UEFI on x86-64 (2.3.4.2): Microsoft's, which is the PE target's own. */
#define EFIAPI __attribute__((ms_abi))

/* 2.3.1, appendix D: an error has the top bit set. */
typedef uint64_t efi_status;
#define EFI_ERROR_BIT         ((efi_status)1 << 63)
#define EFI_SUCCESS           ((efi_status)0)
#define EFI_LOAD_ERROR        (EFI_ERROR_BIT | 1)
#define EFI_INVALID_PARAMETER (EFI_ERROR_BIT | 2)
#define EFI_UNSUPPORTED       (EFI_ERROR_BIT | 3)
#define EFI_BUFFER_TOO_SMALL  (EFI_ERROR_BIT | 5)
#define EFI_DEVICE_ERROR      (EFI_ERROR_BIT | 7)
#define EFI_OUT_OF_RESOURCES  (EFI_ERROR_BIT | 9)
#define EFI_NOT_FOUND         (EFI_ERROR_BIT | 14)
#define EFI_SECURITY_VIOLATION (EFI_ERROR_BIT | 26)

/* Appendix A. data1 to data3 little-endian. */
struct efi_guid {
    uint32_t data1;
    uint16_t data2;
    uint16_t data3;
    uint8_t data4[8];
};

/* 4.2: the head of every table. */
struct efi_table_header {
    uint64_t signature;
    uint32_t revision;
    uint32_t header_size;
    uint32_t crc32;
    uint32_t reserved;
};

/* 7.2.3, table 7.10. Types from 0x70000000 on are the OEM's, from 0x80000000 on an OS loader's. */
enum efi_memory_type {
    EFI_RESERVED_MEMORY = 0,
    EFI_LOADER_CODE = 1,
    EFI_LOADER_DATA = 2,
    EFI_BOOT_SERVICES_CODE = 3,
    EFI_BOOT_SERVICES_DATA = 4,
    EFI_RUNTIME_SERVICES_CODE = 5,
    EFI_RUNTIME_SERVICES_DATA = 6,
    EFI_CONVENTIONAL_MEMORY = 7,
    EFI_UNUSABLE_MEMORY = 8,
    EFI_ACPI_RECLAIM_MEMORY = 9,
    EFI_ACPI_NVS_MEMORY = 10,
    EFI_MMIO = 11,
    EFI_MMIO_PORT_SPACE = 12,
    EFI_PAL_CODE = 13,
    EFI_PERSISTENT_MEMORY = 14,
    EFI_UNACCEPTED_MEMORY = 15,
};

/* 7.2.3: attribute bits of a memory descriptor. */
#define EFI_MEMORY_UC            ((uint64_t)1 << 0)
#define EFI_MEMORY_WC            ((uint64_t)1 << 1)
#define EFI_MEMORY_WT            ((uint64_t)1 << 2)
#define EFI_MEMORY_WB            ((uint64_t)1 << 3)
#define EFI_MEMORY_UCE           ((uint64_t)1 << 4)
#define EFI_MEMORY_WP            ((uint64_t)1 << 12)
#define EFI_MEMORY_RP            ((uint64_t)1 << 13)
#define EFI_MEMORY_XP            ((uint64_t)1 << 14)
#define EFI_MEMORY_NV            ((uint64_t)1 << 15)
#define EFI_MEMORY_MORE_RELIABLE ((uint64_t)1 << 16)
#define EFI_MEMORY_RO            ((uint64_t)1 << 17)
#define EFI_MEMORY_SP            ((uint64_t)1 << 18)
#define EFI_MEMORY_RUNTIME       ((uint64_t)1 << 63)

/* 7.2.3: EFI_MEMORY_DESCRIPTOR, version 1. The stride between two of them is GetMemoryMap's, never this sizeof. */
struct efi_memory_descriptor {
    uint32_t type;
    uint32_t padding;
    uint64_t physical_start;
    uint64_t virtual_start;
    uint64_t number_of_pages;
    uint64_t attribute;
};
#define EFI_MEMORY_DESCRIPTOR_VERSION 1u
_Static_assert(sizeof(struct efi_memory_descriptor) == 40, "7.2.3");

/* 8.3.1 */
struct efi_time {
    uint16_t year;  /* 1900 - 9999 */
    uint8_t month;  /* 1 - 12 */
    uint8_t day;    /* 1 - 31 */
    uint8_t hour;   /* 0 - 23 */
    uint8_t minute; /* 0 - 59 */
    uint8_t second; /* 0 - 59 */
    uint8_t padding1;
    uint32_t nanosecond;
    int16_t timezone; /* minutes east of UTC, or EFI_UNSPECIFIED_TIMEZONE */
    uint8_t daylight;
    uint8_t padding2;
};
#define EFI_UNSPECIFIED_TIMEZONE 0x07FF
_Static_assert(sizeof(struct efi_time) == 16, "8.3.1");

struct efi_time_capabilities {
    uint32_t resolution;
    uint32_t accuracy;
    uint8_t sets_to_zero;
};

/* 8.2 */
#define EFI_VARIABLE_NON_VOLATILE       0x1u
#define EFI_VARIABLE_BOOTSERVICE_ACCESS 0x2u
#define EFI_VARIABLE_RUNTIME_ACCESS     0x4u

/* 8.5.1 */
enum efi_reset_type {
    EFI_RESET_COLD = 0,
    EFI_RESET_WARM = 1,
    EFI_RESET_SHUTDOWN = 2,
};

/* 4.5: EFI_RUNTIME_SERVICES. Services that we never call are untyped pointers. */
struct efi_runtime_services {
    struct efi_table_header header;
    efi_status(EFIAPI *get_time)(struct efi_time *time, struct efi_time_capabilities *capabilities);
    void *set_time;
    void *get_wakeup_time;
    void *set_wakeup_time;
    efi_status(EFIAPI *set_virtual_address_map)(uint64_t map_size_bytes, uint64_t descriptor_size,
                                                uint32_t descriptor_version, struct efi_memory_descriptor *map);
    void *convert_pointer;
    efi_status(EFIAPI *get_variable)(const uint16_t *name, const struct efi_guid *vendor, uint32_t *attributes,
                                     uint64_t *data_size_bytes, void *data);
    efi_status(EFIAPI *get_next_variable_name)(uint64_t *name_size_bytes, uint16_t *name, struct efi_guid *vendor);
    efi_status(EFIAPI *set_variable)(const uint16_t *name, const struct efi_guid *vendor, uint32_t attributes,
                                     uint64_t data_size_bytes, const void *data);
    void *get_next_high_monotonic_count;
    void(EFIAPI *reset_system)(enum efi_reset_type type, efi_status status, uint64_t data_size_bytes, const void *data);
    void *update_capsule;
    void *query_capsule_capabilities;
    efi_status(EFIAPI *query_variable_info)(uint32_t attributes, uint64_t *maximum_storage_bytes,
                                            uint64_t *remaining_storage_bytes, uint64_t *maximum_variable_bytes);
};

/* 4.6: EFI_CONFIGURATION_TABLE */
struct efi_configuration_table {
    struct efi_guid guid;
    void *table;
};

/* 4.3: EFI_SYSTEM_TABLE. The console and boot-services pointers are typed in boot/efi.h's own view of them. */
struct efi_simple_text_input;
struct efi_simple_text_output;
struct efi_boot_services;
struct efi_system_table {
    struct efi_table_header header;
    uint16_t *firmware_vendor;
    uint32_t firmware_revision;
    uint32_t padding;
    void *console_in_handle;
    struct efi_simple_text_input *console_in;
    void *console_out_handle;
    struct efi_simple_text_output *console_out;
    void *standard_error_handle;
    struct efi_simple_text_output *standard_error;
    struct efi_runtime_services *runtime_services;
    struct efi_boot_services *boot_services;
    uint64_t configuration_table_count;
    struct efi_configuration_table *configuration_tables;
};
_Static_assert(sizeof(struct efi_system_table) == 120, "4.3");
#define EFI_SYSTEM_TABLE_SIGNATURE 0x5453595320494249ull

/* 4.6.4: EFI_MEMORY_ATTRIBUTES_TABLE: `entry_count` descriptors of `descriptor_size` bytes follow. */
struct efi_memory_attributes_table {
    uint32_t version;
    uint32_t entry_count;
    uint32_t descriptor_size;
    uint32_t flags;
};

/* 4.6.2: EFI_RT_PROPERTIES_TABLE and its mask of services that work after ExitBootServices. */
struct efi_rt_properties_table {
    uint16_t version;
    uint16_t length;
    uint32_t runtime_services_supported;
};
#define EFI_RT_SUPPORTED_GET_TIME               0x0001u
#define EFI_RT_SUPPORTED_GET_VARIABLE           0x0010u
#define EFI_RT_SUPPORTED_GET_NEXT_VARIABLE_NAME 0x0020u
#define EFI_RT_SUPPORTED_SET_VARIABLE           0x0040u
#define EFI_RT_SUPPORTED_SET_VIRTUAL_ADDRESS_MAP 0x0080u
#define EFI_RT_SUPPORTED_RESET_SYSTEM           0x0400u
#define EFI_RT_SUPPORTED_QUERY_VARIABLE_INFO    0x2000u
#define EFI_RT_SUPPORTED_ALL                    0x3FFFu

/* GUIDs of the tables that we look for (4.6.1; the MAT's 4.6.4; the TPM log's is TCG's). */
#define EFI_GUID_ACPI_20  {0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}}
#define EFI_GUID_ACPI_10  {0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}}
#define EFI_GUID_SMBIOS3  {0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}}
#define EFI_GUID_SMBIOS   {0xeb9d2d31, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}}
#define EFI_GUID_ESRT     {0xb122a263, 0x3661, 0x4f68, {0x99, 0x29, 0x78, 0xf8, 0xb0, 0xd6, 0x21, 0x80}}
#define EFI_GUID_MEMORY_ATTRIBUTES {0xdcfa911d, 0x26eb, 0x469f, {0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20}}
#define EFI_GUID_RT_PROPERTIES {0xeb66918a, 0x7eef, 0x402a, {0x84, 0x2e, 0x93, 0x1d, 0x21, 0xc3, 0x8a, 0xe9}}
#define EFI_GUID_TPM_LOG  {0xb7799cb0, 0xeca2, 0x4943, {0x96, 0x67, 0x1f, 0xae, 0x07, 0xb7, 0x47, 0xfa}}
#define EFI_GUID_GLOBAL_VARIABLE {0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}}

static inline bool efi_guid_equal(const struct efi_guid *a, const struct efi_guid *b)
{
    return __builtin_memcmp(a, b, sizeof(*a)) == 0;
}

#endif
