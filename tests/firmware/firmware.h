/*
 * The firmware that we stand in front of: its tables as it made them, and the calls of its boot services that we need.
 *
 * Owns: struct firmware, which is filled once (firmware_open) and read by everyone. `real_boot` and `real_runtime` are
 * copies taken before anything was patched: calling through them reaches the firmware, never ourselves.
 * Source: UEFI 2.10; section numbers stand at each item.
 */
#ifndef KEEL_TESTS_FIRMWARE_H
#define KEEL_TESTS_FIRMWARE_H

#include "boot/efi.h"

/* 7.4.1, 7.4.2, 7.4.6, 7.5.2, 7.1.9, 7.1.2: services that boot/efi.h leaves untyped because the kernel never calls
 * them. */
typedef efi_status(EFIAPI *efi_load_image)(bool boot_policy, void *parent, const void *path, const void *source,
                                           uint64_t source_bytes, void **image);
typedef efi_status(EFIAPI *efi_start_image)(void *image, uint64_t *exit_data_bytes, uint16_t **exit_data);
typedef efi_status(EFIAPI *efi_install_table)(const struct efi_guid *guid, const void *table);
typedef efi_status(EFIAPI *efi_stall)(uint64_t microseconds);
typedef void(EFIAPI *efi_notify)(void *event, void *context);
typedef efi_status(EFIAPI *efi_create_event_ex)(uint32_t type, uint64_t priority, efi_notify notify,
                                                const void *context, const struct efi_guid *group, void **event);
#define EFI_EVENT_NOTIFY_SIGNAL 0x00000200u
#define EFI_PRIORITY_CALLBACK   8u

struct firmware {
    struct efi_system_table *system;
    void *image;  /* our own handle */
    void *volume; /* the device that we, and the kernel, were loaded from */
    struct efi_boot_services real_boot;
    struct efi_runtime_services real_runtime;
};
extern struct firmware firmware;

/* Before anything else. False: no loaded-image protocol. */
bool firmware_open(void *image_handle, struct efi_system_table *system_table);

/* Zeroed pages of that type, anywhere; NULL when there are none. */
void *firmware_pages(enum efi_memory_type type, uint64_t page_count);

/* A file of the volume, whole, in pages of LoaderData. NULL: not there, or it does not read. */
void *firmware_file(const uint16_t *path, uint64_t *size_bytes);

/* The configuration table with that GUID, also one that was removed since; or NULL. */
const void *firmware_table(const struct efi_guid *guid);

/* Installs, replaces or (NULL) removes a configuration table. */
efi_status firmware_install_table(const struct efi_guid *guid, const void *table);

/* CRC-32 as of 4.2, which is zlib's. Works after the exit, as does the next. */
uint32_t firmware_crc(const void *start, uint64_t size_bytes);

/* Writes the CRC of a table that was changed (4.2). */
void firmware_sign(struct efi_table_header *header);

#endif
