/* Lying about the screen: see screen.h. */
#include "tests/firmware/screen.h"

#include "kernel/base/string.h"
#include "tests/firmware/calls.h"
#include "tests/firmware/firmware.h"

#define FIELD(name, of, member)                               \
    {                                                         \
        name, offsetof(of, member), sizeof(((of *)0)->member) \
    }

/* Of struct lie below, which the kernel is shown. */
struct lie {
    struct efi_graphics_output graphics;
    struct efi_graphics_mode mode;
    struct efi_graphics_mode_information information;
};

static const struct {
    const char *name;
    uint64_t offset;
    uint64_t size_bytes;
} fields[] = {
    FIELD("base", struct lie, mode.frame_buffer_base),
    FIELD("bytes", struct lie, mode.frame_buffer_size_bytes),
    FIELD("width", struct lie, information.width_pixels),
    FIELD("height", struct lie, information.height_pixels),
    FIELD("pitch", struct lie, information.pixels_per_scan_line),
    FIELD("format", struct lie, information.pixel_format),
    FIELD("red", struct lie, information.masks.red),
    FIELD("green", struct lie, information.masks.green),
    FIELD("blue", struct lie, information.masks.blue),
};

static struct lie shown;
static uint64_t values[ARRAY_COUNT(fields)];
static bool is_set[ARRAY_COUNT(fields)];
static bool removed;

static void show(const struct efi_graphics_output *real)
{
    shown.graphics = *real;
    shown.mode = *real->mode;
    shown.information = *real->mode->information;
    shown.graphics.mode = &shown.mode;
    shown.mode.information = &shown.information;
    for (uint32_t i = 0; i < ARRAY_COUNT(fields); i++) {
        if (is_set[i]) /* little-endian: the low bytes come first */
            memcpy((uint8_t *)&shown + fields[i].offset, &values[i], fields[i].size_bytes);
    }
}

/* What the kernel's call reaches. */
static efi_status EFIAPI handle_protocol(void *handle, const struct efi_guid *protocol, void **interface)
{
    static const struct efi_guid guid = EFI_GUID_GRAPHICS_OUTPUT;
    efi_status status = firmware.real_boot.handle_protocol(handle, protocol, interface);
    if (status != EFI_SUCCESS || !efi_guid_equal(protocol, &guid))
        return status;
    if (removed)
        return EFI_UNSUPPORTED;
    show(*interface);
    *interface = &shown.graphics;
    return EFI_SUCCESS;
}

static void install(void)
{
    calls_replace(calls_find("HandleProtocol"), (uint64_t)(uintptr_t)handle_protocol);
}

void screen_remove(void)
{
    removed = true;
    install();
}

bool screen_set(const char *field, uint64_t value)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(fields); i++) {
        if (strcmp(fields[i].name, field) == 0) {
            values[i] = value;
            is_set[i] = true;
            install();
            return true;
        }
    }
    return false;
}
