/* False configuration tables: see tables.h. */
#include "tests/firmware/tables.h"

#include "kernel/base/string.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/relocate.h"

#define ATTRIBUTES_PAGES 4u /* OVMF's has 22 entries of 48 bytes */

static const struct {
    const char *name;
    struct efi_guid guid;
} removable[] = {
    {"acpi",       EFI_GUID_ACPI_20          },
    {"acpi",       EFI_GUID_ACPI_10          },
    {"smbios",     EFI_GUID_SMBIOS3          },
    {"smbios",     EFI_GUID_SMBIOS           },
    {"attributes", EFI_GUID_MEMORY_ATTRIBUTES},
    {"esrt",       EFI_GUID_ESRT             },
};

static struct efi_memory_attributes_table *attributes;

bool tables_remove(const char *name)
{
    bool known = false;
    for (uint32_t i = 0; i < ARRAY_COUNT(removable); i++) {
        if (strcmp(removable[i].name, name) != 0)
            continue;
        known = true;
        (void)firmware_install_table(&removable[i].guid, NULL); /* one of two may be absent already */
    }
    return known;
}

/* Our copy, installed in place of the firmware's; NULL when there is none. */
static struct efi_memory_attributes_table *false_attributes(void)
{
    static const struct efi_guid guid = EFI_GUID_MEMORY_ATTRIBUTES;
    const struct efi_memory_attributes_table *real = firmware_table(&guid);
    if (attributes != NULL)
        return attributes;
    if (real == NULL)
        return NULL;
    uint64_t size_bytes = sizeof(*real) + (uint64_t)real->entry_count * real->descriptor_size;
    struct efi_memory_attributes_table *copy = firmware_pages(EFI_BOOT_SERVICES_DATA, ATTRIBUTES_PAGES);
    if (copy == NULL || size_bytes > ATTRIBUTES_PAGES * PAGE_SIZE)
        return NULL;
    memcpy(copy, real, size_bytes);
    if (!relocate_keep("attributes", copy, size_bytes))
        return NULL;
    if (firmware_install_table(&guid, copy) != EFI_SUCCESS)
        return NULL;
    attributes = copy;
    return copy;
}

bool tables_attributes_move(void)
{
    return false_attributes() != NULL;
}

bool tables_attributes_count(uint64_t count)
{
    struct efi_memory_attributes_table *table = false_attributes();
    if (table != NULL)
        table->entry_count = (uint32_t)count;
    return table != NULL;
}

bool tables_attributes_stride(uint64_t stride)
{
    struct efi_memory_attributes_table *table = false_attributes();
    if (table != NULL)
        table->descriptor_size = (uint32_t)stride;
    return table != NULL;
}

bool tables_attributes_version(uint64_t version)
{
    struct efi_memory_attributes_table *table = false_attributes();
    if (table != NULL)
        table->version = (uint32_t)version;
    return table != NULL;
}

/* Clears attribute bits of every entry and makes it longer. */
static bool change_entries(uint64_t cleared, uint64_t more_pages)
{
    struct efi_memory_attributes_table *table = false_attributes();
    if (table == NULL)
        return false;
    uint8_t *at = (uint8_t *)(table + 1);
    for (uint32_t i = 0; i < table->entry_count; i++, at += table->descriptor_size) {
        struct efi_memory_descriptor entry;
        memcpy(&entry, at, sizeof(entry));
        entry.attribute &= ~cleared;
        entry.number_of_pages += more_pages;
        memcpy(at, &entry, sizeof(entry));
    }
    return true;
}

bool tables_attributes_open(void)
{
    return change_entries(EFI_MEMORY_RO | EFI_MEMORY_XP, 0);
}

bool tables_attributes_span(uint64_t page_count)
{
    return change_entries(0, page_count);
}

bool tables_runtime_supported(uint64_t mask)
{
    static const struct efi_guid guid = EFI_GUID_RT_PROPERTIES;
    struct efi_rt_properties_table *table = firmware_pages(EFI_BOOT_SERVICES_DATA, 1);
    if (table == NULL || !relocate_keep("properties", table, sizeof(*table)))
        return false;
    *table = (struct efi_rt_properties_table){1, sizeof(*table), (uint32_t)mask};
    return firmware_install_table(&guid, table) == EFI_SUCCESS;
}
