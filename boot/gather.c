/* Asking the firmware: see gather.h. Nothing is validated beyond what boot/ itself needs; the kernel does that. */
#include "boot/gather.h"

#include "boot/command_line.h"
#include "boot/say.h"
#include "kernel/base/string.h"

/* More configuration tables than this are not looked through; real firmware has 10 to 20. */
#define TABLES_SEARCHED_MAX 1024u

/* Graphics handles that are looked at: one for each display, and the console's own. */
#define GRAPHICS_HANDLES_MAX 16u

static uint64_t table_count(const struct efi_system_table *system_table)
{
    if (system_table->configuration_tables == NULL)
        return 0;
    return min_u64(system_table->configuration_table_count, TABLES_SEARCHED_MAX);
}

static const void *find_table(const struct boot *boot, const struct efi_guid *guid)
{
    const struct efi_system_table *system_table = boot->system_table;
    for (uint64_t i = 0; i < table_count(system_table); i++) {
        if (efi_guid_equal(&system_table->configuration_tables[i].guid, guid))
            return system_table->configuration_tables[i].table;
    }
    return NULL;
}

static void gather_tables(struct boot *boot)
{
    static const struct efi_guid acpi_20 = EFI_GUID_ACPI_20;
    static const struct efi_guid acpi_10 = EFI_GUID_ACPI_10;
    struct handoff *handoff = boot->handoff;
    uint64_t count = table_count(boot->system_table);
    if (boot->system_table->configuration_table_count > HANDOFF_TABLE_MAX)
        handoff->warnings |= HANDOFF_WARNING_TABLES_CUT;
    handoff->table_count = (uint32_t)min_u64(count, HANDOFF_TABLE_MAX);
    for (uint32_t i = 0; i < handoff->table_count; i++) {
        const struct efi_configuration_table *table = &boot->system_table->configuration_tables[i];
        memcpy(handoff->tables[i].guid, &table->guid, sizeof(table->guid));
        handoff->tables[i].address = (uint64_t)(uintptr_t)table->table;
    }
    const void *rsdp = find_table(boot, &acpi_20);
    if (rsdp == NULL)
        rsdp = find_table(boot, &acpi_10);
    handoff->acpi_rsdp = (uint64_t)(uintptr_t)rsdp;
    say(boot->system_table, "%u firmware tables, ACPI at 0x%llx", handoff->table_count,
        (unsigned long long)handoff->acpi_rsdp);
}

/* 4.6.2: absent means that every service works after the exit. */
static void gather_runtime(struct boot *boot)
{
    static const struct efi_guid guid = EFI_GUID_RT_PROPERTIES;
    const struct efi_rt_properties_table *properties = find_table(boot, &guid);
    bool present = properties != NULL && properties->length >= sizeof(*properties);
    boot->handoff->runtime_services_supported = present ? properties->runtime_services_supported : UINT32_MAX;
    boot->handoff->system_table = (uint64_t)(uintptr_t)boot->system_table;
    boot->handoff->runtime_services = (uint64_t)(uintptr_t)boot->system_table->runtime_services;
}

static void gather_vendor(struct boot *boot)
{
    struct handoff *handoff = boot->handoff;
    const uint16_t *vendor = boot->system_table->firmware_vendor;
    for (size_t i = 0; vendor != NULL && i < HANDOFF_VENDOR_BYTES - 1 && vendor[i] != 0; i++)
        handoff->firmware_vendor[i] = vendor[i] >= 0x20 && vendor[i] < 0x7F ? (char)vendor[i] : '?';
    handoff->firmware_revision = boot->system_table->firmware_revision;
    handoff->uefi_revision = boot->system_table->header.revision;
    say(boot->system_table, "firmware \"%s\" revision 0x%x, UEFI %u.%u", handoff->firmware_vendor,
        handoff->firmware_revision, handoff->uefi_revision >> 16, (handoff->uefi_revision & 0xFFFF) / 10);
}

static uint32_t pixel_format(uint32_t efi_format)
{
    switch (efi_format) {
    case EFI_PIXEL_RGBX:
        return HANDOFF_PIXEL_RGBX;
    case EFI_PIXEL_BGRX:
        return HANDOFF_PIXEL_BGRX;
    case EFI_PIXEL_BIT_MASK:
        return HANDOFF_PIXEL_MASKS;
    default:
        return HANDOFF_PIXEL_NONE; /* BltOnly, whose function ends with boot services */
    }
}

/* The mode that is set stays. False, and `out` untouched, when the handle has no graphics or no frame buffer. */
static bool describe_screen(struct efi_system_table *system_table, void *handle, struct handoff_screen *out)
{
    static const struct efi_guid guid = EFI_GUID_GRAPHICS_OUTPUT;
    void *interface = NULL;
    if (handle == NULL || system_table->boot_services->handle_protocol(handle, &guid, &interface) != EFI_SUCCESS)
        return false;
    const struct efi_graphics_output *graphics = interface;
    if (graphics == NULL || graphics->mode == NULL || graphics->mode->information == NULL)
        return false;
    const struct efi_graphics_mode *mode = graphics->mode;
    const struct efi_graphics_mode_information *information = mode->information;
    uint32_t format = pixel_format(information->pixel_format);
    if (format == HANDOFF_PIXEL_NONE || mode->frame_buffer_base == 0 || mode->frame_buffer_size_bytes == 0)
        return false;
    *out = (struct handoff_screen){
        .base = mode->frame_buffer_base,
        .size_bytes = mode->frame_buffer_size_bytes,
        .width_pixels = information->width_pixels,
        .height_pixels = information->height_pixels,
        .pitch_pixels = information->pixels_per_scan_line,
        .format = format,
        .red_mask = information->masks.red,
        .green_mask = information->masks.green,
        .blue_mask = information->masks.blue,
    };
    return true;
}

/* The console's own screen if it has a frame buffer, else the first one that has. */
static bool find_screen(struct efi_system_table *system_table, struct handoff_screen *out)
{
    static const struct efi_guid guid = EFI_GUID_GRAPHICS_OUTPUT;
    void *handles[GRAPHICS_HANDLES_MAX];
    uint64_t size_bytes = sizeof(handles);
    if (describe_screen(system_table, system_table->console_out_handle, out))
        return true;
    if (system_table->boot_services->locate_handle(EFI_LOCATE_BY_PROTOCOL, &guid, NULL, &size_bytes, handles) !=
            EFI_SUCCESS ||
        size_bytes > sizeof(handles))
        return false;
    for (uint64_t i = 0; i < size_bytes / sizeof(handles[0]); i++) {
        if (describe_screen(system_table, handles[i], out))
            return true;
    }
    return false;
}

static void gather_screen(struct boot *boot)
{
    const struct handoff_screen *screen = &boot->handoff->screen;
    if (find_screen(boot->system_table, &boot->handoff->screen))
        say(boot->system_table, "screen %ux%u at 0x%llx", screen->width_pixels, screen->height_pixels,
            (unsigned long long)screen->base);
    else
        say(boot->system_table, "no screen with a frame buffer");
}

static void gather_entropy(struct boot *boot)
{
    static const struct efi_guid guid = EFI_GUID_RNG;
    void *interface = NULL;
    if (boot->system_table->boot_services->locate_protocol(&guid, NULL, &interface) != EFI_SUCCESS)
        return;
    struct efi_rng *rng = interface;
    if (rng->get_rng(rng, NULL, HANDOFF_ENTROPY_BYTES, boot->handoff->entropy) == EFI_SUCCESS)
        boot->handoff->entropy_bytes = HANDOFF_ENTROPY_BYTES;
}

/* 7.5.1: a boot manager may have armed it; it would reset the machine minutes into the kernel's life. */
static void disarm_watchdog(struct boot *boot)
{
    efi_status status = boot->system_table->boot_services->set_watchdog_timer(0, 0, 0, NULL);
    if (status != EFI_SUCCESS)
        boot->handoff->warnings |= HANDOFF_WARNING_WATCHDOG;
}

bool gather(struct boot *boot)
{
    static const struct efi_guid guid = EFI_GUID_LOADED_IMAGE;
    void *interface = NULL;
    efi_status status = boot->system_table->boot_services->handle_protocol(boot->image_handle, &guid, &interface);
    if (status != EFI_SUCCESS || interface == NULL)
        return say_refusal(boot->system_table, "no loaded-image protocol (status 0x%llx)", (unsigned long long)status);
    boot->loaded_image = interface;
    gather_vendor(boot);
    gather_tables(boot);
    gather_runtime(boot);
    gather_screen(boot);
    gather_entropy(boot);
    command_line_gather(boot);
    disarm_watchdog(boot);
    return true;
}
