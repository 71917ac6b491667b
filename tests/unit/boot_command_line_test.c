/* boot/command_line.c: LoadOptions that are text, almost text and no text at all; the file; which of them wins. */
#include "tests/unit/boot_fake.h"

#include <string.h>

#include "boot/command_line.h"

static struct command_line line;

static enum status from_options(const void *options, uint64_t size_bytes)
{
    memset(&line, 0xAA, sizeof(line));
    return command_line_from_options(options, size_bytes, &line);
}

static enum status from_file(const char *text)
{
    memset(&line, 0xAA, sizeof(line));
    return command_line_from_file((const uint8_t *)text, strlen(text), &line);
}

#define FROM_TEXT(text) from_options(text, sizeof(text))

static void plain_text(void **state)
{
    (void)state;
    assert_int_equal(FROM_TEXT(u"run=\"mem; cpus\" cpus=2"), STATUS_OK);
    assert_string_equal(line.text, "run=\"mem; cpus\" cpus=2");
    assert_false(line.mended);
}

static void without_terminator_or_with_half_a_unit(void **state)
{
    (void)state;
    assert_int_equal(from_options(u"abcdef", 6), STATUS_OK);
    assert_string_equal(line.text, "abc");
    assert_int_equal(from_options(u"abcdef", 7), STATUS_OK);
    assert_string_equal(line.text, "abc");
    assert_int_equal(from_options((const char *)u"\x6161\x6262" + 1, 3), STATUS_NOT_FOUND); /* 'a', 'b' as one unit */
}

static void nothing(void **state)
{
    (void)state;
    assert_int_equal(from_options(NULL, 100), STATUS_NOT_FOUND);
    assert_int_equal(from_options(u"abc", 0), STATUS_NOT_FOUND);
    assert_int_equal(from_options(u"abc", 1), STATUS_NOT_FOUND);
    assert_int_equal(FROM_TEXT(u""), STATUS_NOT_FOUND);
    assert_int_equal(FROM_TEXT(u"  \r\n\t "), STATUS_NOT_FOUND);
    assert_string_equal(line.text, "");
}

static void what_is_no_text(void **state)
{
    (void)state;
    static const uint8_t device_path[] = {0x02, 0x01, 0x0C, 0x00, 0xD0, 0x41, 0x03, 0x0A, 0, 0, 0, 0, 0x7F, 0xFF, 4, 0};
    static const struct efi_guid auto_created = {
        0x8108ac4e, 0x9f11, 0x4d59, {0x85, 0x0e, 0xe2, 0x1a, 0x52, 0x2c, 0x59, 0xb2}};
    assert_int_equal(from_options(device_path, sizeof(device_path)), STATUS_NOT_FOUND);
    assert_int_equal(from_options(&auto_created, sizeof(auto_created)), STATUS_NOT_FOUND);
    assert_int_equal(from_options("eight-bit text", 14), STATUS_NOT_FOUND);
    assert_int_equal(FROM_TEXT(u"good until \x01 here"), STATUS_NOT_FOUND);
    assert_string_equal(line.text, "");
}

static void shell_gives_the_program_name_too(void **state)
{
    (void)state;
    assert_int_equal(FROM_TEXT(u"FS0:\\EFI\\Keel.EFI log=debug"), STATUS_OK);
    assert_string_equal(line.text, "log=debug");
    assert_int_equal(FROM_TEXT(u"keel.efi"), STATUS_NOT_FOUND);
    assert_int_equal(FROM_TEXT(u"efi"), STATUS_OK);
    assert_string_equal(line.text, "efi");
}

static void other_characters_and_spaces(void **state)
{
    (void)state;
    assert_int_equal(FROM_TEXT(u"  font=\u00E9\u4E2D\tx \r\n"), STATUS_OK);
    assert_string_equal(line.text, "font=?? x");
    assert_true(line.mended);
}

static void too_long_is_cut(void **state)
{
    (void)state;
    uint16_t text[2 * HANDOFF_COMMAND_LINE_BYTES];
    for (size_t i = 0; i < ARRAY_COUNT(text); i++)
        text[i] = 'a';
    assert_int_equal(from_options(text, sizeof(text)), STATUS_OK);
    assert_int_equal(strlen(line.text), HANDOFF_COMMAND_LINE_BYTES - 1);
    assert_true(line.mended);
    /* Just fitting, with a line end behind it, is not. */
    text[HANDOFF_COMMAND_LINE_BYTES - 1] = '\n';
    assert_int_equal(from_options(text, HANDOFF_COMMAND_LINE_BYTES * 2), STATUS_OK);
    assert_false(line.mended);
}

static void file_text(void **state)
{
    (void)state;
    assert_int_equal(from_file("\xEF\xBB\xBFrun=mem\r\nlog=debug\r\n"), STATUS_OK);
    assert_string_equal(line.text, "run=mem log=debug");
    assert_false(line.mended);
    assert_int_equal(from_file("caf\xC3\xA9"), STATUS_OK);
    assert_string_equal(line.text, "caf?");
    assert_true(line.mended);
    assert_int_equal(from_file("\r\n"), STATUS_NOT_FOUND);
    assert_int_equal(from_file(""), STATUS_NOT_FOUND);
}

/* A volume with one file. */
static const char *file_content;
static unsigned open_files;

static efi_status EFIAPI file_close(struct efi_file *self)
{
    (void)self;
    open_files--;
    return EFI_SUCCESS;
}

static efi_status EFIAPI file_read(struct efi_file *self, uint64_t *size_bytes, void *buffer)
{
    (void)self;
    *size_bytes = min_u64(*size_bytes, strlen(file_content));
    memcpy(buffer, file_content, *size_bytes);
    return EFI_SUCCESS;
}

static efi_status EFIAPI file_open(struct efi_file *self, struct efi_file **file, const uint16_t *name, uint64_t mode,
                                   uint64_t attributes)
{
    static const uint16_t expected[] = u"\\keel\\cmdline.txt";
    (void)attributes;
    assert_int_equal(mode, EFI_FILE_MODE_READ);
    assert_memory_equal(name, expected, sizeof(expected));
    if (file_content == NULL)
        return EFI_NOT_FOUND;
    *file = self;
    open_files++;
    return EFI_SUCCESS;
}

static struct efi_file root = {.open = file_open, .close = file_close, .read = file_read};

static efi_status EFIAPI open_volume(struct efi_simple_file_system *self, struct efi_file **out)
{
    (void)self;
    *out = &root;
    open_files++;
    return EFI_SUCCESS;
}

static const char *gather_line(const uint16_t *options, uint32_t options_bytes, const char *content)
{
    static struct efi_simple_file_system volume = {.open_volume = open_volume};
    struct boot boot = fake_boot();
    file_content = content;
    fake_add_protocol(&volume, (struct efi_guid)EFI_GUID_SIMPLE_FILE_SYSTEM, &volume);
    fake.loaded_image.device_handle = &volume;
    fake.loaded_image.load_options = (void *)(uintptr_t)options;
    fake.loaded_image.load_options_size_bytes = options_bytes;
    command_line_gather(&boot);
    assert_int_equal(open_files, 0);
    return boot.handoff->command_line;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void options_win(void **state)
{
    (void)state;
    assert_string_equal(gather_line(u"a", 4, "b"), "a");
}

static void file_is_second(void **state)
{
    (void)state;
    assert_string_equal(gather_line(u"\x0102", 4, "b"), "b");
}

static void file_wins_on_uboot(void **state)
{
    (void)state;
    strcpy(buffers_handoff.firmware_vendor, "Das U-Boot");
    assert_string_equal(gather_line(u"root=/dev/sda", 28, "b"), "b");
    assert_string_equal(gather_line(u"root=/dev/sda", 28, NULL), "root=/dev/sda");
}

static void neither(void **state)
{
    (void)state;
    assert_string_equal(gather_line(NULL, 0, NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text),
        cmocka_unit_test(without_terminator_or_with_half_a_unit),
        cmocka_unit_test(nothing),
        cmocka_unit_test(what_is_no_text),
        cmocka_unit_test(shell_gives_the_program_name_too),
        cmocka_unit_test(other_characters_and_spaces),
        cmocka_unit_test(too_long_is_cut),
        cmocka_unit_test(file_text),
        cmocka_unit_test_setup(options_win, setup),
        cmocka_unit_test_setup(file_is_second, setup),
        cmocka_unit_test_setup(file_wins_on_uboot, setup),
        cmocka_unit_test_setup(neither, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
