/* Lying about the screen: see screen.h. */
#include "tests/firmware/screen.h"

#include "kernel/base/string.h"
#include "tests/firmware/calls.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/serial.h"

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
static bool has_panel;
static uint8_t edid_bytes[128];
static struct efi_edid edid = {sizeof(edid_bytes), edid_bytes};
static struct efi_graphics_output *shown_of; /* the firmware's own, which is told what our copy is asked */
static uint32_t mode_before;
static enum { SET_MODE_WORKS, SET_MODE_FAILS, SET_MODE_DEAF, SET_MODE_BLT_ONLY } set_mode_does;

static efi_status EFIAPI query_mode(struct efi_graphics_output *self, uint32_t number, uint64_t *size_bytes,
                                    struct efi_graphics_mode_information **information);
static efi_status EFIAPI set_mode(struct efi_graphics_output *self, uint32_t number);

static void show(struct efi_graphics_output *real)
{
    shown_of = real;
    shown.graphics = *real;
    shown.graphics.query_mode = query_mode;
    shown.graphics.set_mode = set_mode;
    shown.mode = *real->mode;
    shown.information = *real->mode->information;
    shown.graphics.mode = &shown.mode;
    shown.mode.information = &shown.information;
    for (uint32_t i = 0; i < ARRAY_COUNT(fields); i++) {
        if (is_set[i]) /* little-endian: the low bytes come first */
            memcpy((uint8_t *)&shown + fields[i].offset, &values[i], fields[i].size_bytes);
    }
}

static efi_status EFIAPI query_mode(struct efi_graphics_output *self, uint32_t number, uint64_t *size_bytes,
                                    struct efi_graphics_mode_information **information)
{
    (void)self;
    return shown_of->query_mode(shown_of, number, size_bytes, information);
}

/* The mode that was set at the start can always be had again. */
static efi_status EFIAPI set_mode(struct efi_graphics_output *self, uint32_t number)
{
    (void)self;
    serial_say("SetMode %u of %u, was %u", number, shown_of->mode->mode_count, shown_of->mode->mode);
    if (set_mode_does == SET_MODE_FAILS && number != mode_before)
        return EFI_DEVICE_ERROR;
    efi_status status = set_mode_does == SET_MODE_DEAF ? EFI_SUCCESS : shown_of->set_mode(shown_of, number);
    show(shown_of);
    if (set_mode_does == SET_MODE_BLT_ONLY && number != mode_before)
        shown.information.pixel_format = EFI_PIXEL_BLT_ONLY;
    return status;
}

/* What the kernel's call reaches. */
static efi_status EFIAPI handle_protocol(void *handle, const struct efi_guid *protocol, void **interface)
{
    static const struct efi_guid guid = EFI_GUID_GRAPHICS_OUTPUT;
    static const struct efi_guid edid_guid = EFI_GUID_EDID_ACTIVE;
    if (has_panel && efi_guid_equal(protocol, &edid_guid)) {
        *interface = &edid;
        return EFI_SUCCESS;
    }
    efi_status status = firmware.real_boot.handle_protocol(handle, protocol, interface);
    if (status != EFI_SUCCESS || !efi_guid_equal(protocol, &guid))
        return status;
    if (removed)
        return EFI_UNSUPPORTED;
    mode_before = ((struct efi_graphics_output *)*interface)->mode->mode;
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

/* VESA E-EDID A2: the header, the first detailed timing at 54 (table 3.21), and a checksum: all adds up to 0. */
void screen_panel(uint32_t width, uint32_t height, bool damaged)
{
    static const uint8_t header[] = {0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    uint8_t *timing = edid_bytes + 54;
    uint8_t sum = 0;
    memcpy(edid_bytes, header, sizeof(header));
    timing[0] = 1; /* a clock: this is a timing */
    timing[2] = (uint8_t)width;
    timing[4] = (uint8_t)(width >> 4 & 0xF0);
    timing[5] = (uint8_t)height;
    timing[7] = (uint8_t)(height >> 4 & 0xF0);
    for (uint32_t i = 0; i < sizeof(edid_bytes) - 1; i++)
        sum += edid_bytes[i];
    edid_bytes[sizeof(edid_bytes) - 1] = (uint8_t)((damaged ? 1 : 0) - sum);
    has_panel = true;
    install();
}

bool screen_set_mode(const char *how)
{
    set_mode_does = strcmp(how, "fails") == 0      ? SET_MODE_FAILS
                    : strcmp(how, "deaf") == 0     ? SET_MODE_DEAF
                    : strcmp(how, "blt-only") == 0 ? SET_MODE_BLT_ONLY
                                                   : SET_MODE_WORKS;
    install();
    return set_mode_does != SET_MODE_WORKS;
}
