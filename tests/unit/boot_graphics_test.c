/* boot/graphics.c: displays with modes that can be set, cannot, or are not what was said; panels and their sizes. */
#include "tests/unit/boot_fake.h"

#include <string.h>

#include "boot/graphics.h"

#define DISPLAYS 2u
#define MODES    5u

/* A display whose modes are a table; SetMode does what `set` says. */
struct display {
    struct efi_graphics_output output; /* first: what the protocol's functions are given */
    struct efi_graphics_mode mode;
    struct efi_graphics_mode_information now;
    struct efi_graphics_mode_information modes[MODES];
    enum { SET_WORKS, SET_FAILS, SET_DEAF, SET_BLT_ONLY, SET_SHORT } set;
    unsigned set_calls;
    unsigned not_freed;
    struct efi_edid edid;
    uint8_t edid_bytes[128];
};

static struct display displays[DISPLAYS];

static efi_status EFIAPI query_mode(struct efi_graphics_output *self, uint32_t number, uint64_t *size_bytes,
                                    struct efi_graphics_mode_information **information)
{
    struct display *display = (struct display *)self;
    if (number == 1)
        return EFI_DEVICE_ERROR; /* a hole in the table */
    assert_true(number < MODES);
    *information = &display->modes[number];
    *size_bytes = sizeof(**information);
    display->not_freed++;
    return EFI_SUCCESS;
}

static efi_status EFIAPI free_pool(void *buffer)
{
    for (unsigned i = 0; i < DISPLAYS; i++)
        for (unsigned k = 0; k < MODES; k++)
            displays[i].not_freed -= buffer == &displays[i].modes[k];
    return EFI_SUCCESS;
}

static efi_status EFIAPI set_mode(struct efi_graphics_output *self, uint32_t number)
{
    struct display *display = (struct display *)self;
    display->set_calls++;
    if (display->set == SET_FAILS)
        return EFI_DEVICE_ERROR;
    if (display->set == SET_DEAF)
        return EFI_SUCCESS;
    display->mode.mode = number;
    display->now = display->modes[number];
    if (display->set == SET_BLT_ONLY && number != 0)
        display->now.pixel_format = EFI_PIXEL_BLT_ONLY;
    display->mode.frame_buffer_size_bytes = display->set == SET_SHORT && number != 0 ? 4096 : 64 * MIB;
    return EFI_SUCCESS;
}

static struct efi_graphics_mode_information mode_of(uint32_t width, uint32_t height, uint32_t format)
{
    return (struct efi_graphics_mode_information){
        .width_pixels = width, .height_pixels = height, .pixel_format = format, .pixels_per_scan_line = width + 32};
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(displays, 0, sizeof(displays));
    fake.boot_services.free_pool = free_pool;
    for (unsigned i = 0; i < DISPLAYS; i++) {
        struct display *display = &displays[i];
        display->modes[0] = mode_of(800, 600, EFI_PIXEL_BGRX);
        display->modes[2] = mode_of(1920, 1080, EFI_PIXEL_BLT_ONLY);
        display->modes[3] = mode_of(1920, 1080, EFI_PIXEL_BGRX);
        display->modes[4] = mode_of(1024, 768, EFI_PIXEL_RGBX);
        display->now = display->modes[0];
        display->mode = (struct efi_graphics_mode){.mode_count = MODES,
                                                   .information = &display->now,
                                                   .frame_buffer_base = 0x7000000000 + i * GIB,
                                                   .frame_buffer_size_bytes = 64 * MIB};
        display->output = (struct efi_graphics_output){query_mode, set_mode, NULL, &display->mode};
    }
    return 0;
}

static void add_screen(unsigned index)
{
    fake_add_protocol(&displays[index], (struct efi_guid)EFI_GUID_GRAPHICS_OUTPUT, &displays[index].output);
}

/* Table 3.1 and 3.21: header, timing, checksum. */
static void make_edid(uint8_t edid[128], uint32_t width, uint32_t height)
{
    static const uint8_t header[] = {0, 255, 255, 255, 255, 255, 255, 0};
    memset(edid, 0, 128);
    memcpy(edid, header, sizeof(header));
    edid[54] = 1;
    edid[56] = (uint8_t)width;
    edid[58] = (uint8_t)(width >> 8 << 4);
    edid[59] = (uint8_t)height;
    edid[61] = (uint8_t)(height >> 8 << 4);
    for (unsigned i = 0; i < 127; i++)
        edid[127] -= edid[i];
}

static void add_panel(unsigned index, uint32_t width, uint32_t height)
{
    struct display *display = &displays[index];
    make_edid(display->edid_bytes, width, height);
    display->edid = (struct efi_edid){sizeof(display->edid_bytes), display->edid_bytes};
    fake_add_protocol(display, (struct efi_guid)EFI_GUID_EDID_DISCOVERED, &display->edid);
}

static const struct handoff_screen *gathered(void)
{
    struct boot boot = fake_boot();
    memset(&boot.handoff->screen, 0, sizeof(boot.handoff->screen));
    graphics_gather(&boot);
    for (unsigned i = 0; i < DISPLAYS; i++)
        assert_int_equal(displays[i].not_freed, 0);
    return &boot.handoff->screen;
}

static void assert_size(uint32_t width, uint32_t height)
{
    const struct handoff_screen *screen = gathered();
    assert_int_equal(screen->width_pixels, width);
    assert_int_equal(screen->height_pixels, height);
}

static void no_screen(void **state)
{
    (void)state;
    assert_int_equal(gathered()->format, HANDOFF_PIXEL_NONE);
}

/* A sensible mode stays, untouched, and is described as it is. */
static void what_is_set_stays(void **state)
{
    (void)state;
    add_screen(0);
    const struct handoff_screen *screen = gathered();
    assert_int_equal(screen->base, 0x7000000000);
    assert_int_equal(screen->width_pixels, 800);
    assert_int_equal(screen->height_pixels, 600);
    assert_int_equal(screen->pitch_pixels, 832);
    assert_int_equal(screen->format, HANDOFF_PIXEL_BGRX);
    assert_int_equal(displays[0].set_calls, 0);
}

static void consoles_own_screen_is_preferred(void **state)
{
    (void)state;
    add_screen(0);
    add_screen(1);
    fake.system_table.console_out_handle = &displays[1];
    assert_int_equal(gathered()->base, displays[1].mode.frame_buffer_base);
}

static void screen_without_frame_buffer_is_passed_over(void **state)
{
    (void)state;
    add_screen(0);
    add_screen(1);
    fake.system_table.console_out_handle = &displays[0];
    displays[0].mode.frame_buffer_base = 0;
    assert_int_equal(gathered()->base, displays[1].mode.frame_buffer_base);
}

static void only_useless_screens(void **state)
{
    (void)state;
    add_screen(0);
    displays[0].output.set_mode = NULL;
    displays[0].now.pixel_format = 77;
    assert_int_equal(gathered()->format, HANDOFF_PIXEL_NONE);
    displays[0].now.pixel_format = EFI_PIXEL_RGBX;
    displays[0].mode.frame_buffer_base = 0;
    assert_int_equal(gathered()->format, HANDOFF_PIXEL_NONE);
    displays[0].mode.information = NULL;
    assert_int_equal(gathered()->format, HANDOFF_PIXEL_NONE);
    displays[0].output.mode = NULL;
    assert_int_equal(gathered()->format, HANDOFF_PIXEL_NONE);
}

static void the_panels_own_size_is_set(void **state)
{
    (void)state;
    add_screen(0);
    add_panel(0, 1920, 1080);
    assert_size(1920, 1080); /* the mode with a frame buffer, not the other one of that size */
    assert_int_equal(displays[0].mode.mode, 3);
    assert_size(1920, 1080); /* and not again */
    assert_int_equal(displays[0].set_calls, 1);
}

/* EDK2's console is a handle in front of the displays, which alone know their panels. */
static void the_console_has_a_displays_panel(void **state)
{
    (void)state;
    add_screen(0);
    add_screen(1);
    add_panel(1, 1920, 1080);
    fake.system_table.console_out_handle = &displays[0];
    assert_size(1920, 1080);
    assert_int_equal(displays[1].set_calls, 0);
}

static void a_panel_without_such_a_mode_changes_nothing(void **state)
{
    (void)state;
    add_screen(0);
    add_panel(0, 1366, 768);
    assert_size(800, 600);
    assert_int_equal(displays[0].set_calls, 0);
    assert_non_null(strstr(fake.text, "the panel has 1366x768"));
}

/* A mode that fails, that is not there afterwards, that has no frame buffer, or one with less than its picture. */
static void a_mode_that_goes_wrong_is_taken_back(void **state)
{
    for (int set = SET_FAILS; set <= SET_SHORT; set++) {
        setup(state);
        add_screen(0);
        add_panel(0, 1920, 1080);
        displays[0].set = set;
        assert_size(800, 600);
        assert_int_equal(displays[0].mode.frame_buffer_size_bytes, 64 * MIB);
    }
}

static void a_senseless_mode_is_left_for_a_safe_one(void **state)
{
    (void)state;
    add_screen(0);
    displays[0].now = mode_of(320, 200, EFI_PIXEL_BGRX);
    assert_size(1024, 768);
    displays[0].now = mode_of(1024, 768, EFI_PIXEL_BLT_ONLY);
    assert_size(1024, 768);
    displays[0].modes[4] = displays[0].modes[0] = mode_of(1920, 1080, EFI_PIXEL_BLT_ONLY);
    displays[0].now = mode_of(320, 200, EFI_PIXEL_BGRX);
    assert_size(1920, 1080); /* the only one that is left */
}

static void a_wish_comes_first(void **state)
{
    (void)state;
    add_screen(0);
    add_panel(0, 1920, 1080);
    strcpy(buffers_handoff.command_line, "font=8x16 mode=1024x768");
    assert_size(1024, 768);
    /* No such mode, one without a frame buffer only, and what is no wish: the panel's. */
    static const char *const others[] = {"mode=640x480", "run=\"mode=1024x768", "run=\"x mode=1024x768\"", "mode=",
                                         "mode=1024x768x32", "mode=01024x768"};
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        strcpy(buffers_handoff.command_line, others[i]);
        assert_size(1920, 1080);
    }
}

static void edids_are_read(void **state)
{
    (void)state;
    uint8_t edid[128];
    struct graphics_size size;
    make_edid(edid, 3840, 2160);
    assert_true(graphics_edid_size(edid, sizeof(edid), &size));
    assert_int_equal(size.width_pixels, 3840);
    assert_int_equal(size.height_pixels, 2160);
    assert_false(graphics_edid_size(edid, 127, &size));
    assert_false(graphics_edid_size(NULL, 128, &size));
    for (unsigned i = 0; i < 8 * sizeof(edid); i++) { /* any bit: the sum tells */
        edid[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_false(graphics_edid_size(edid, sizeof(edid), &size));
        edid[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    edid[54]--, edid[127]++; /* no clock: a text, not a timing */
    assert_false(graphics_edid_size(edid, sizeof(edid), &size));
    edid[54]++, edid[54 + 17] |= 0x80, edid[127] += 127; /* interlaced */
    assert_false(graphics_edid_size(edid, sizeof(edid), &size));
    make_edid(edid, 320, 200);
    assert_false(graphics_edid_size(edid, sizeof(edid), &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_screen, setup),
        cmocka_unit_test_setup(what_is_set_stays, setup),
        cmocka_unit_test_setup(consoles_own_screen_is_preferred, setup),
        cmocka_unit_test_setup(screen_without_frame_buffer_is_passed_over, setup),
        cmocka_unit_test_setup(only_useless_screens, setup),
        cmocka_unit_test_setup(the_panels_own_size_is_set, setup),
        cmocka_unit_test_setup(the_console_has_a_displays_panel, setup),
        cmocka_unit_test_setup(a_panel_without_such_a_mode_changes_nothing, setup),
        cmocka_unit_test_setup(a_mode_that_goes_wrong_is_taken_back, setup),
        cmocka_unit_test_setup(a_senseless_mode_is_left_for_a_safe_one, setup),
        cmocka_unit_test_setup(a_wish_comes_first, setup),
        cmocka_unit_test_setup(edids_are_read, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
