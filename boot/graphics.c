/*
 * Choosing a mode: see graphics.h. In this order, the first that can be had:
 *
 *     mode=WIDTHxHEIGHT          somebody knows better
 *     the panel's own size       what its EDID says: every other is scaled by the panel, and blurred
 *     the mode that is set       if it has a frame buffer and sensible numbers: it shows something, so it stays
 *     1024x768, 800x600, 640x480 every screen takes one of them
 *     any with a frame buffer
 *
 * SetMode is called only for a mode that is not set already: it may blank a panel for seconds.
 */
#include "boot/graphics.h"

#include "boot/command_line.h"
#include "boot/gather.h"
#include "boot/say.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"

/* Graphics handles that are looked at: one for each display, and the console's own. */
#define HANDLES_MAX 16u

/* Modes that are looked at; real firmware has 5 to 60. */
#define MODES_MAX 256u
#define MODE_NONE UINT32_MAX

/* What a screen is for: 80 columns of text and some rows, or it is no mode but a mistake. And no more than exists. */
#define WIDTH_LEAST  640u
#define HEIGHT_LEAST 400u
#define PIXELS_MAX   16384u /* each way */

/* EDID, the part that never changed: VESA E-EDID A2, tables 3.1 and 3.21. */
#define EDID_BYTES        128u
#define EDID_TIMING       54u /* the first detailed timing, which is the panel's own */
#define TIMING_CLOCK      0u  /* 16 bits, in 10 kHz; 0: this is no timing */
#define TIMING_WIDTH      2u  /* low 8 bits; the high 4 stand two bytes on, in bits 7:4 */
#define TIMING_HEIGHT     5u  /* likewise */
#define TIMING_FEATURES   17u
#define TIMING_INTERLACED 0x80u /* the height is that of half a picture */

static const char wish_format[] = "mode=%ux%u";
static const struct efi_guid graphics_guid = EFI_GUID_GRAPHICS_OUTPUT;
_Static_assert(EFI_PIXEL_RGBX == 0 && HANDOFF_PIXEL_MASKS - HANDOFF_PIXEL_RGBX == EFI_PIXEL_BIT_MASK, "in one order");

static bool is_sensible(struct graphics_size size)
{
    return size.width_pixels >= WIDTH_LEAST && size.width_pixels <= PIXELS_MAX && size.height_pixels >= HEIGHT_LEAST &&
           size.height_pixels <= PIXELS_MAX;
}

bool graphics_edid_size(const uint8_t *edid, uint64_t size_bytes, struct graphics_size *size)
{
    static const uint8_t header[] = {0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    if (edid == NULL || size_bytes < EDID_BYTES || memcmp(edid, header, sizeof(header)) != 0)
        return false;
    uint8_t sum = 0;
    for (unsigned i = 0; i < EDID_BYTES; i++)
        sum += edid[i];
    const uint8_t *timing = edid + EDID_TIMING;
    if (sum != 0 || (timing[TIMING_CLOCK] | timing[TIMING_CLOCK + 1]) == 0 ||
        (timing[TIMING_FEATURES] & TIMING_INTERLACED) != 0)
        return false;
    size->width_pixels = timing[TIMING_WIDTH] | (timing[TIMING_WIDTH + 2] & 0xF0u) << 4;
    size->height_pixels = timing[TIMING_HEIGHT] | (timing[TIMING_HEIGHT + 2] & 0xF0u) << 4;
    return is_sensible(*size);
}

/* BltOnly, and whatever else, has no frame buffer that outlives boot services. */
static bool has_frame_buffer(const struct efi_graphics_output *graphics)
{
    const struct efi_graphics_mode *mode = graphics->mode;
    return mode != NULL && mode->information != NULL && mode->information->pixel_format <= EFI_PIXEL_BIT_MASK &&
           mode->frame_buffer_base != 0 && mode->frame_buffer_size_bytes != 0;
}

/* A picture of at least so many lines, all of them in the frame buffer. */
static bool is_good(const struct efi_graphics_output *graphics)
{
    if (!has_frame_buffer(graphics))
        return false;
    const struct efi_graphics_mode_information *information = graphics->mode->information;
    struct graphics_size size = {information->width_pixels, information->height_pixels};
    uint64_t line_bytes = (uint64_t)information->pixels_per_scan_line * sizeof(uint32_t);
    return is_sensible(size) && information->pixels_per_scan_line >= size.width_pixels &&
           line_bytes * (size.height_pixels - 1) + size.width_pixels * sizeof(uint32_t) <=
               graphics->mode->frame_buffer_size_bytes;
}

/* A mode with a frame buffer, of that size; of any if it is 0 by 0, and of the one that was wished for if it is NULL.
 */
static bool is_wanted(const struct boot *boot, const struct efi_graphics_mode_information *mode,
                      const struct graphics_size *size)
{
    char word[sizeof(wish_format) + 20];
    if (mode->pixel_format > EFI_PIXEL_BIT_MASK)
        return false;
    if (size != NULL)
        return size->width_pixels == 0 ||
               (mode->width_pixels == size->width_pixels && mode->height_pixels == size->height_pixels);
    format_buffer(word, sizeof(word), wish_format, mode->width_pixels, mode->height_pixels);
    return command_line_has(boot->handoff->command_line, word);
}

/* The number of such a mode, or MODE_NONE. */
static uint32_t find_mode(const struct boot *boot, struct efi_graphics_output *graphics,
                          const struct graphics_size *size)
{
    uint32_t count = (uint32_t)min_u64(graphics->mode->mode_count, MODES_MAX);
    for (uint32_t number = 0; number < count; number++) {
        struct efi_graphics_mode_information *information = NULL;
        uint64_t size_bytes = 0;
        if (graphics->query_mode(graphics, number, &size_bytes, &information) != EFI_SUCCESS || information == NULL)
            continue;
        bool found = is_wanted(boot, information, size);
        boot->system_table->boot_services->free_pool(information); /* 12.9.2.1: the caller's to free */
        if (found)
            return number;
    }
    return MODE_NONE;
}

/* True: such a mode is set, by this call or before, and good. False: what was set is set again. */
static bool set_size(const struct boot *boot, struct efi_graphics_output *graphics, const struct graphics_size *size)
{
    uint32_t before = graphics->mode->mode;
    uint32_t number = find_mode(boot, graphics, size);
    if (number == MODE_NONE || (number == before && is_good(graphics)))
        return number != MODE_NONE;
    if (graphics->set_mode(graphics, number) == EFI_SUCCESS && is_good(graphics))
        return true;
    say(boot->system_table, "the screen's mode %u could not be set", number);
    graphics->set_mode(graphics, before);
    return false;
}

/*
 * The active EDID is what firmware goes by, and may be a correction of the one that it read (12.9.2.4). EDK2's console
 * is a handle in front of all displays and has none: then it is that of the first display that has.
 */
static bool panel_size(const struct boot *boot, void *handle, struct graphics_size *size)
{
    static const struct efi_guid guids[] = {EFI_GUID_EDID_ACTIVE, EFI_GUID_EDID_DISCOVERED};
    for (size_t i = 0; i < ARRAY_COUNT(guids); i++) {
        void *interface = gather_protocol(boot, handle, &guids[i]);
        if (interface == NULL)
            boot->system_table->boot_services->locate_protocol(&guids[i], NULL, &interface);
        const struct efi_edid *edid = interface;
        if (edid != NULL && graphics_edid_size(edid->edid, edid->size_of_edid_bytes, size))
            return true;
    }
    return false;
}

static void choose_mode(const struct boot *boot, struct efi_graphics_output *graphics, void *handle)
{
    static const struct graphics_size safe[] = {
        {1024, 768},
        {800,  600},
        {640,  480},
        {0,    0  }
    };
    struct graphics_size size;
    if (graphics->query_mode == NULL || graphics->set_mode == NULL || set_size(boot, graphics, NULL))
        return;
    if (panel_size(boot, handle, &size)) {
        say(boot->system_table, "the panel has %ux%u", size.width_pixels, size.height_pixels);
        if (set_size(boot, graphics, &size))
            return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(safe) && !is_good(graphics); i++)
        (void)set_size(boot, graphics, &safe[i]);
}

/* False when the handle has no graphics or no frame buffer. */
static bool use(struct boot *boot, void *handle)
{
    struct efi_graphics_output *graphics = gather_protocol(boot, handle, &graphics_guid);
    if (graphics == NULL || graphics->mode == NULL || graphics->mode->information == NULL)
        return false;
    choose_mode(boot, graphics, handle);
    if (!has_frame_buffer(graphics))
        return false;
    const struct efi_graphics_mode *mode = graphics->mode;
    const struct efi_graphics_mode_information *information = mode->information;
    boot->handoff->screen = (struct handoff_screen){
        .base = mode->frame_buffer_base,
        .size_bytes = mode->frame_buffer_size_bytes,
        .width_pixels = information->width_pixels,
        .height_pixels = information->height_pixels,
        .pitch_pixels = information->pixels_per_scan_line,
        .format = HANDOFF_PIXEL_RGBX + information->pixel_format,
        .red_mask = information->masks.red,
        .green_mask = information->masks.green,
        .blue_mask = information->masks.blue,
    };
    say(boot->system_table, "screen %ux%u at 0x%llx", information->width_pixels, information->height_pixels,
        (unsigned long long)mode->frame_buffer_base);
    return true;
}

/*
 * The console's own screen if it has a frame buffer, else the first one that has: on a machine with two graphics cards
 * the handle list starts with either; the console is where the person looks.
 */
void graphics_gather(struct boot *boot)
{
    void *handles[HANDLES_MAX];
    uint64_t size_bytes = sizeof(handles);
    efi_status status = boot->system_table->boot_services->locate_handle(EFI_LOCATE_BY_PROTOCOL, &graphics_guid, NULL,
                                                                         &size_bytes, handles);
    uint64_t count = status == EFI_SUCCESS && size_bytes <= sizeof(handles) ? size_bytes / sizeof(handles[0]) : 0;
    bool found = use(boot, boot->system_table->console_out_handle);
    for (uint64_t i = 0; i < count && !found; i++)
        found = use(boot, handles[i]);
    if (!found)
        say(boot->system_table, "no screen with a frame buffer");
}
