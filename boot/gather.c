/*
 * Asking the firmware: see gather.h. Nothing is validated beyond what boot/ itself needs; the kernel does that.
 *
 * Every pointer is asked for and copied as a number now: the system table's own ones become virtual addresses inside
 * SetVirtualAddressMap, and what boot services own is gone after the exit. An answer that is missing is no reason to
 * stop: only an image that cannot find out what it was loaded as is refused.
 */
#include "boot/gather.h"

#include "boot/command_line.h"
#include "boot/graphics.h"
#include "boot/kaslr.h"
#include "boot/say.h"
#include "kernel/base/string.h"

/* More configuration tables than this are not looked through; real firmware has 10 to 20. */
#define TABLES_SEARCHED_MAX 1024u

void *gather_protocol(const struct boot *boot, void *handle, const struct efi_guid *guid)
{
    void *interface = NULL;
    if (handle == NULL || boot->system_table->boot_services->handle_protocol(handle, guid, &interface) != EFI_SUCCESS)
        return NULL;
    return interface;
}

static uint64_t table_count(const struct efi_system_table *system_table)
{
    uint64_t count = min_u64(system_table->configuration_table_count, TABLES_SEARCHED_MAX);
    return system_table->configuration_tables != NULL ? count : 0;
}

static const void *find_table(const struct boot *boot, const struct efi_guid *guid)
{
    const struct efi_configuration_table *tables = boot->system_table->configuration_tables;
    for (uint64_t i = 0; i < table_count(boot->system_table); i++) {
        if (efi_guid_equal(&tables[i].guid, guid))
            return tables[i].table;
    }
    return NULL;
}

static void gather_tables(struct boot *boot)
{
    static const struct efi_guid acpi_20 = EFI_GUID_ACPI_20;
    static const struct efi_guid acpi_10 = EFI_GUID_ACPI_10;
    const struct efi_system_table *system_table = boot->system_table;
    struct handoff *handoff = boot->handoff;
    /* The 2.0 pointer leads to an XSDT with 64-bit addresses; firmware with both keeps the 1.0 one for old systems. */
    const void *rsdp = find_table(boot, &acpi_20);
    if (rsdp == NULL)
        rsdp = find_table(boot, &acpi_10);
    handoff->acpi_rsdp = (uint64_t)(uintptr_t)rsdp;
    handoff->warnings |= system_table->configuration_table_count > HANDOFF_TABLE_MAX ? HANDOFF_WARNING_TABLES_CUT : 0u;
    handoff->table_count = (uint32_t)min_u64(table_count(system_table), HANDOFF_TABLE_MAX);
    for (uint32_t i = 0; i < handoff->table_count; i++) {
        const struct efi_configuration_table *table = &system_table->configuration_tables[i];
        memcpy(handoff->tables[i].guid, &table->guid, sizeof(table->guid));
        handoff->tables[i].address = (uint64_t)(uintptr_t)table->table;
    }
    say(boot->system_table, "%u firmware tables, ACPI at 0x%llx", handoff->table_count,
        (unsigned long long)handoff->acpi_rsdp);
}

/* 4.6.2: absent means that every service works after the exit. */
static void gather_runtime(struct boot *boot)
{
    static const struct efi_guid guid = EFI_GUID_RT_PROPERTIES;
    const struct efi_rt_properties_table *properties = find_table(boot, &guid);
    /* UINT32_MAX is also what tells the kernel later that nothing is masked. */
    bool present = properties != NULL && properties->length >= sizeof(*properties);
    boot->handoff->runtime_services_supported = present ? properties->runtime_services_supported : UINT32_MAX;
    boot->handoff->system_table = (uint64_t)(uintptr_t)boot->system_table;
    boot->handoff->runtime_services = (uint64_t)(uintptr_t)boot->system_table->runtime_services;
}

static void gather_vendor(struct boot *boot)
{
    struct handoff *handoff = boot->handoff;
    /* UCS-2, of any length, and printed on every console later: cut, and reduced to ASCII. */
    const uint16_t *vendor = boot->system_table->firmware_vendor;
    for (size_t i = 0; vendor != NULL && i < HANDOFF_VENDOR_BYTES - 1 && vendor[i] != 0; i++)
        handoff->firmware_vendor[i] = vendor[i] >= 0x20 && vendor[i] < 0x7F ? (char)vendor[i] : '?';
    handoff->firmware_revision = boot->system_table->firmware_revision;
    handoff->uefi_revision = boot->system_table->header.revision;
    say(boot->system_table, "firmware \"%s\" revision 0x%x, UEFI %u.%u", handoff->firmware_vendor,
        handoff->firmware_revision, handoff->uefi_revision >> 16, (handoff->uefi_revision & 0xFFFF) / 10);
}

/* 7.5.1: a boot manager may have armed it; it would reset the machine minutes into the kernel's life. */
static void disarm_watchdog(struct boot *boot)
{
    if (boot->system_table->boot_services->set_watchdog_timer(0, 0, 0, NULL) != EFI_SUCCESS)
        boot->handoff->warnings |= HANDOFF_WARNING_WATCHDOG;
}

bool gather(struct boot *boot)
{
    static const struct efi_guid guid = EFI_GUID_LOADED_IMAGE;
    boot->loaded_image = gather_protocol(boot, boot->image_handle, &guid);
    if (boot->loaded_image == NULL)
        return say_refusal(boot->system_table, "no loaded-image protocol");
    gather_vendor(boot);
    gather_tables(boot);
    gather_runtime(boot);
    kaslr_gather(boot);
    command_line_gather(boot);
    graphics_gather(boot);
    /* Last: reading the command line may take as long as a slow disk does, and the watchdog guards that. */
    disarm_watchdog(boot);
    return true;
}
