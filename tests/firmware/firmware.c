/* Calling the firmware: see firmware.h. */
#include "tests/firmware/firmware.h"

#include "kernel/base/string.h"

#define FILE_BYTES_MAX MIB
#define REMOVED_MAX    8u
#define CRC_POLYNOMIAL 0xEDB88320u /* 4.2: the CRC-32 of IEEE 802.3, reflected */

struct firmware firmware;

bool firmware_open(void *image_handle, struct efi_system_table *system_table)
{
    static const struct efi_guid guid = EFI_GUID_LOADED_IMAGE;
    void *interface = NULL;
    firmware.system = system_table;
    firmware.image = image_handle;
    firmware.real_boot = *system_table->boot_services;
    firmware.real_runtime = *system_table->runtime_services;
    if (firmware.real_boot.handle_protocol(image_handle, &guid, &interface) != EFI_SUCCESS)
        return false;
    const struct efi_loaded_image *loaded = interface;
    firmware.volume = loaded->device_handle;
    return true;
}

void *firmware_pages(enum efi_memory_type type, uint64_t page_count)
{
    uint64_t address = 0;
    if (firmware.real_boot.allocate_pages(EFI_ALLOCATE_ANY_PAGES, type, page_count, &address) != EFI_SUCCESS)
        return NULL;
    void *pages = vaddr_pointer(VADDR(address));
    memset(pages, 0, page_count << PAGE_SHIFT);
    return pages;
}

static bool read_file(struct efi_file *root, const uint16_t *path, void *buffer, uint64_t *size_bytes)
{
    struct efi_file *file;
    if (root->open(root, &file, path, EFI_FILE_MODE_READ, 0) != EFI_SUCCESS)
        return false;
    bool read = file->read(file, size_bytes, buffer) == EFI_SUCCESS;
    file->close(file);
    return read;
}

void *firmware_file(const uint16_t *path, uint64_t *size_bytes)
{
    static const struct efi_guid guid = EFI_GUID_SIMPLE_FILE_SYSTEM;
    struct efi_file *root;
    void *interface = NULL;
    void *buffer = firmware_pages(EFI_LOADER_DATA, FILE_BYTES_MAX >> PAGE_SHIFT);
    if (buffer == NULL || firmware.real_boot.handle_protocol(firmware.volume, &guid, &interface) != EFI_SUCCESS)
        return NULL;
    struct efi_simple_file_system *volume = interface;
    if (volume->open_volume(volume, &root) != EFI_SUCCESS)
        return NULL;
    *size_bytes = FILE_BYTES_MAX - 1; /* what was zeroed behind it ends a text */
    bool read = read_file(root, path, buffer, size_bytes);
    root->close(root);
    return read ? buffer : NULL;
}

/* Combined rows may want a lie about a table that another has removed. */
static struct {
    struct efi_guid guid;
    const void *table;
} removed[REMOVED_MAX];
static uint32_t removed_count;

const void *firmware_table(const struct efi_guid *guid)
{
    for (uint64_t i = 0; i < firmware.system->configuration_table_count; i++) {
        if (efi_guid_equal(&firmware.system->configuration_tables[i].guid, guid))
            return firmware.system->configuration_tables[i].table;
    }
    for (uint32_t i = 0; i < removed_count; i++) {
        if (efi_guid_equal(&removed[i].guid, guid))
            return removed[i].table;
    }
    return NULL;
}

efi_status firmware_install_table(const struct efi_guid *guid, const void *table)
{
    const void *now = firmware_table(guid);
    if (table == NULL && now != NULL && removed_count < REMOVED_MAX) {
        removed[removed_count].guid = *guid;
        removed[removed_count++].table = now;
    }
    return ((efi_install_table)firmware.real_boot.install_configuration_table)(guid, table);
}

uint32_t firmware_crc(const void *start, uint64_t size_bytes)
{
    const uint8_t *bytes = start;
    uint32_t crc = UINT32_MAX;
    for (uint64_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? CRC_POLYNOMIAL : 0);
    }
    return ~crc;
}

void firmware_sign(struct efi_table_header *header)
{
    header->crc32 = 0;
    header->crc32 = firmware_crc(header, header->header_size);
}
