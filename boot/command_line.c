/* Decoding and finding the command line: see command_line.h. */
#include "boot/command_line.h"

#include "boot/buffers.h"
#include "boot/say.h"
#include "kernel/base/string.h"

/* One byte more than fits, so that a longer file shows. */
#define FILE_BYTES_MAX (HANDOFF_COMMAND_LINE_BYTES + 4u)

#define UTF8_MARK_BYTES 3u

static bool is_space(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_printable(uint32_t c)
{
    return c >= 0x20 && c < 0x7F;
}

/* Appends one character; spaces at the front are dropped. `length` counts those in out->text. */
static void append(struct command_line *out, size_t *length, uint32_t c)
{
    if (is_space(c))
        c = ' ';
    if (c == ' ' && *length == 0)
        return;
    if (*length == sizeof(out->text) - 1) {
        out->mended |= c != ' ';
        return;
    }
    out->mended |= !is_printable(c);
    out->text[(*length)++] = is_printable(c) ? (char)c : '?';
}

static enum status finish(struct command_line *out, size_t length)
{
    while (length > 0 && out->text[length - 1] == ' ')
        length--;
    out->text[length] = '\0';
    return length == 0 ? STATUS_NOT_FOUND : STATUS_OK;
}

/* "\EFI\keel.efi run=..." becomes "run=...". */
static enum status drop_program_name(struct command_line *out)
{
    static const char suffix[] = ".efi";
    size_t end = 0;
    while (out->text[end] != '\0' && out->text[end] != ' ')
        end++;
    if (end < sizeof(suffix) - 1)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof(suffix) - 1; i++) {
        char c = out->text[end - (sizeof(suffix) - 1) + i];
        if (c != suffix[i] && c != suffix[i] - 'a' + 'A')
            return STATUS_OK;
    }
    while (out->text[end] == ' ')
        end++;
    memmove(out->text, out->text + end, strlen(out->text + end) + 1);
    return out->text[0] == '\0' ? STATUS_NOT_FOUND : STATUS_OK;
}

/* The address may be odd and the size too: units are put together from bytes, and an odd rest is dropped. */
static uint32_t unit_at(const uint8_t *bytes, uint64_t index)
{
    return (uint32_t)bytes[2 * index] | (uint32_t)bytes[2 * index + 1] << 8;
}

/* Text starts in ASCII and holds no control characters; a device path or a GUID fails at once. */
static uint64_t text_units(const uint8_t *bytes, uint64_t unit_count)
{
    uint64_t count = 0;
    while (count < unit_count && unit_at(bytes, count) != 0) {
        uint32_t unit = unit_at(bytes, count);
        bool text = is_space(unit) || is_printable(unit) || (unit >= 0xA0 && count > 0);
        if (!text)
            return 0;
        count++;
    }
    return count;
}

enum status command_line_from_options(const void *options, uint64_t size_bytes, struct command_line *out)
{
    const uint8_t *bytes = options;
    size_t length = 0;
    out->text[0] = '\0';
    out->mended = false;
    uint64_t count = bytes == NULL ? 0 : text_units(bytes, size_bytes / 2);
    for (uint64_t i = 0; i < count; i++)
        append(out, &length, unit_at(bytes, i));
    enum status status = finish(out, length);
    return status == STATUS_OK ? drop_program_name(out) : status;
}

enum status command_line_from_file(const uint8_t *bytes, uint64_t size_bytes, struct command_line *out)
{
    static const uint8_t mark[UTF8_MARK_BYTES] = {0xEF, 0xBB, 0xBF};
    size_t length = 0;
    out->mended = false;
    uint64_t i = size_bytes >= sizeof(mark) && memcmp(bytes, mark, sizeof(mark)) == 0 ? sizeof(mark) : 0;
    for (; i < size_bytes && bytes[i] != 0; i++) {
        bool continuation = (bytes[i] & 0xC0) == 0x80; /* of a UTF-8 sequence: one '?' for all of it */
        if (!continuation && bytes[i] != '\r')
            append(out, &length, bytes[i]);
    }
    return finish(out, length);
}

/* 0 bytes when there is no such volume or file, or it does not read. */
static uint64_t read_file(struct efi_system_table *system_table, void *device, uint8_t *buffer, uint64_t capacity)
{
    static const struct efi_guid file_system_guid = EFI_GUID_SIMPLE_FILE_SYSTEM;
    struct efi_simple_file_system *volume;
    struct efi_file *root;
    struct efi_file *file;
    void *interface = NULL;
    uint64_t size_bytes = capacity;

    if (device == NULL ||
        system_table->boot_services->handle_protocol(device, &file_system_guid, &interface) != EFI_SUCCESS)
        return 0;
    volume = interface;
    if (volume->open_volume(volume, &root) != EFI_SUCCESS)
        return 0;
    if (root->open(root, &file, u"\\keel\\cmdline.txt", EFI_FILE_MODE_READ, 0) == EFI_SUCCESS) {
        if (file->read(file, &size_bytes, buffer) != EFI_SUCCESS || size_bytes > capacity)
            size_bytes = 0;
        file->close(file);
    } else {
        size_bytes = 0;
    }
    root->close(root);
    return size_bytes;
}

static enum status read_options(const struct boot *boot, struct command_line *out)
{
    const struct efi_loaded_image *loaded = boot->loaded_image;
    return command_line_from_options(loaded->load_options, loaded->load_options_size_bytes, out);
}

static enum status read_volume(const struct boot *boot, struct command_line *out)
{
    uint8_t *bytes = buffers_scratch.bytes;
    uint64_t size_bytes = read_file(boot->system_table, boot->loaded_image->device_handle, bytes, FILE_BYTES_MAX);
    return command_line_from_file(bytes, size_bytes, out);
}

/* U-Boot always passes its bootargs, by default Linux's ("root=/dev/sdb3 ..."): there the file is asked first. */
static bool options_are_bootargs(const struct boot *boot)
{
    static const char vendor[] = "Das U-Boot";
    return strncmp(boot->handoff->firmware_vendor, vendor, sizeof(vendor) - 1) == 0;
}

void command_line_gather(struct boot *boot)
{
    struct command_line line;
    bool file_first = options_are_bootargs(boot);
    enum status status = file_first ? read_volume(boot, &line) : read_options(boot, &line);
    if (status != STATUS_OK)
        status = file_first ? read_options(boot, &line) : read_volume(boot, &line);
    if (status != STATUS_OK)
        return;
    memcpy(boot->handoff->command_line, line.text, sizeof(line.text));
    boot->handoff->warnings |= line.mended ? HANDOFF_WARNING_COMMAND_LINE_CUT : 0u;
    say(boot->system_table, "command line: %s", line.text);
}
