/*
 * UEFI as it is before ExitBootServices: boot services and the protocols that we ask. Only boot/ may include this;
 * what outlives the exit is in kernel/base/efi.h.
 *
 * Source: UEFI Specification 2.10; section numbers stand at each item. tests/unit/efi_layout_test.c compares every
 * offset and size with the gnu-efi headers when it is compiled. Services that we never call are untyped pointers.
 */
#ifndef KEEL_BOOT_EFI_H
#define KEEL_BOOT_EFI_H

#include "kernel/base/efi.h"

/* 7.2.1: EFI_ALLOCATE_TYPE */
enum efi_allocate_type {
    EFI_ALLOCATE_ANY_PAGES = 0,
    EFI_ALLOCATE_MAX_ADDRESS = 1,
    EFI_ALLOCATE_ADDRESS = 2,
};

/* 7.3.15: EFI_LOCATE_SEARCH_TYPE */
enum efi_locate_search_type {
    EFI_LOCATE_ALL_HANDLES = 0,
    EFI_LOCATE_BY_REGISTER_NOTIFY = 1,
    EFI_LOCATE_BY_PROTOCOL = 2,
};

/* 4.4: EFI_BOOT_SERVICES */
struct efi_boot_services {
    struct efi_table_header header;
    void *raise_tpl;
    void *restore_tpl;
    efi_status(EFIAPI *allocate_pages)(enum efi_allocate_type type, enum efi_memory_type memory_type,
                                       uint64_t page_count, uint64_t *address);
    efi_status(EFIAPI *free_pages)(uint64_t address, uint64_t page_count);
    efi_status(EFIAPI *get_memory_map)(uint64_t *size_bytes, void *map, uint64_t *key, uint64_t *descriptor_size,
                                       uint32_t *descriptor_version);
    void *allocate_pool;
    efi_status(EFIAPI *free_pool)(void *buffer);
    void *create_event;
    void *set_timer;
    void *wait_for_event;
    void *signal_event;
    void *close_event;
    void *check_event;
    void *install_protocol_interface;
    void *reinstall_protocol_interface;
    void *uninstall_protocol_interface;
    efi_status(EFIAPI *handle_protocol)(void *handle, const struct efi_guid *protocol, void **interface);
    void *reserved;
    void *register_protocol_notify;
    efi_status(EFIAPI *locate_handle)(enum efi_locate_search_type type, const struct efi_guid *protocol, void *key,
                                      uint64_t *size_bytes, void **handles);
    void *locate_device_path;
    void *install_configuration_table;
    void *load_image;
    void *start_image;
    void *exit;
    void *unload_image;
    efi_status(EFIAPI *exit_boot_services)(void *image_handle, uint64_t key);
    void *get_next_monotonic_count;
    void *stall;
    efi_status(EFIAPI *set_watchdog_timer)(uint64_t seconds, uint64_t code, uint64_t data_size_bytes,
                                           const uint16_t *data);
    void *connect_controller;
    void *disconnect_controller;
    void *open_protocol;
    void *close_protocol;
    void *open_protocol_information;
    void *protocols_per_handle;
    void *locate_handle_buffer;
    efi_status(EFIAPI *locate_protocol)(const struct efi_guid *protocol, void *registration, void **interface);
    void *install_multiple_protocol_interfaces;
    void *uninstall_multiple_protocol_interfaces;
    void *calculate_crc32;
    void *copy_mem;
    void *set_mem;
    void *create_event_ex;
};
_Static_assert(sizeof(struct efi_boot_services) == 376, "4.4");

/* 12.4: EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL */
struct efi_simple_text_output {
    void *reset;
    efi_status(EFIAPI *output_string)(struct efi_simple_text_output *self, const uint16_t *text);
    void *test_string;
    void *query_mode;
    void *set_mode;
    void *set_attribute;
    void *clear_screen;
    void *set_cursor_position;
    void *enable_cursor;
    void *mode;
};

/* 9.1: EFI_LOADED_IMAGE_PROTOCOL */
#define EFI_GUID_LOADED_IMAGE {0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}}
struct efi_loaded_image {
    uint32_t revision;
    void *parent_handle;
    struct efi_system_table *system_table;
    void *device_handle;
    void *file_path;
    void *reserved;
    uint32_t load_options_size_bytes;
    void *load_options;
    void *image_base;
    uint64_t image_size_bytes;
    enum efi_memory_type image_code_type;
    enum efi_memory_type image_data_type;
    void *unload;
};

/* 12.9.2: EFI_GRAPHICS_OUTPUT_PROTOCOL */
#define EFI_GUID_GRAPHICS_OUTPUT {0x9042a9de, 0x23dc, 0x4a38, {0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a}}
enum efi_pixel_format {
    EFI_PIXEL_RGBX = 0,
    EFI_PIXEL_BGRX = 1,
    EFI_PIXEL_BIT_MASK = 2,
    EFI_PIXEL_BLT_ONLY = 3,
};

struct efi_pixel_masks {
    uint32_t red;
    uint32_t green;
    uint32_t blue;
    uint32_t reserved;
};

struct efi_graphics_mode_information {
    uint32_t version;
    uint32_t width_pixels;
    uint32_t height_pixels;
    uint32_t pixel_format; /* enum efi_pixel_format, and whatever else firmware writes */
    struct efi_pixel_masks masks;
    uint32_t pixels_per_scan_line;
};

struct efi_graphics_mode {
    uint32_t mode_count;
    uint32_t mode;
    struct efi_graphics_mode_information *information;
    uint64_t information_size_bytes;
    uint64_t frame_buffer_base;
    uint64_t frame_buffer_size_bytes;
};

struct efi_graphics_output {
    efi_status(EFIAPI *query_mode)(struct efi_graphics_output *self, uint32_t number, uint64_t *size_bytes,
                                   struct efi_graphics_mode_information **information);
    efi_status(EFIAPI *set_mode)(struct efi_graphics_output *self, uint32_t number);
    void *blt;
    struct efi_graphics_mode *mode;
};

/* 12.9.2.3: EFI_EDID_DISCOVERED_PROTOCOL; 12.9.2.4: EFI_EDID_ACTIVE_PROTOCOL: the same struct */
#define EFI_GUID_EDID_DISCOVERED {0x1c0c34f6, 0xd380, 0x41fa, {0xa0, 0x49, 0x8a, 0xd0, 0x6c, 0x1a, 0x66, 0xaa}}
#define EFI_GUID_EDID_ACTIVE     {0xbd8c1056, 0x9f36, 0x44ec, {0x92, 0xa8, 0xa6, 0x33, 0x7f, 0x81, 0x79, 0x86}}
struct efi_edid {
    uint32_t size_of_edid_bytes;
    uint8_t *edid;
};

/* 13.4: EFI_SIMPLE_FILE_SYSTEM_PROTOCOL; 13.5: EFI_FILE_PROTOCOL */
#define EFI_GUID_SIMPLE_FILE_SYSTEM {0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}}
#define EFI_FILE_MODE_READ ((uint64_t)1)
struct efi_file {
    uint64_t revision;
    efi_status(EFIAPI *open)(struct efi_file *self, struct efi_file **file, const uint16_t *name, uint64_t mode,
                             uint64_t attributes);
    efi_status(EFIAPI *close)(struct efi_file *self);
    void *delete;
    efi_status(EFIAPI *read)(struct efi_file *self, uint64_t *size_bytes, void *buffer);
    void *write;
    void *get_position;
    void *set_position;
    void *get_info;
    void *set_info;
    void *flush;
};

struct efi_simple_file_system {
    uint64_t revision;
    efi_status(EFIAPI *open_volume)(struct efi_simple_file_system *self, struct efi_file **root);
};

/* 37.5: EFI_RNG_PROTOCOL */
#define EFI_GUID_RNG {0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}}
struct efi_rng {
    void *get_info;
    efi_status(EFIAPI *get_rng)(struct efi_rng *self, const struct efi_guid *algorithm, uint64_t size_bytes,
                                uint8_t *buffer);
};

#endif
