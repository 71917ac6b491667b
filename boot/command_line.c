/*
 * Decoding and finding the command line: see command_line.h.
 *
 * Both sources are input: LoadOptions is whatever a boot manager stored in a Boot#### variable, the file is whatever a
 * person saved on the stick. The result is printable ASCII without blanks at either end, and nothing else.
 */
#include "boot/command_line.h"

#include "boot/buffers.h"
#include "boot/gather.h"
#include "boot/say.h"
#include "kernel/base/string.h"
#include "kernel/base/word.h"

/* A byte-order mark, and one byte more than fits behind it, so that a longer file shows. */
#define FILE_BYTES_MAX (HANDOFF_COMMAND_LINE_BYTES + 4u)

static bool is_space(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_printable(uint32_t c)
{
    return c >= 0x20 && c < 0x7F;
}

/* Appends one character; spaces at the front are dropped. */
static void append(struct command_line *out, uint32_t c)
{
    bool fits = out->length < sizeof(out->text) - 1;
    if (is_space(c))
        c = ' ';
    if (c == ' ' && out->length == 0)
        return;
    /* A blank that no longer fits is no loss; anything else that is cut is reported. */
    out->mended |= fits ? !is_printable(c) : c != ' ';
    if (fits)
        out->text[out->length++] = is_printable(c) ? (char)c : '?';
}

/* Spaces at the end are dropped too. */
static enum status finish(struct command_line *out)
{
    while (out->length > 0 && out->text[out->length - 1] == ' ')
        out->length--;
    out->text[out->length] = '\0';
    return out->length == 0 ? STATUS_NOT_FOUND : STATUS_OK;
}

/* "\EFI\keel.efi run=..." becomes "run=...". */
static void drop_program_name(struct command_line *out)
{
    static const char suffix[] = ".efi";
    size_t end = 0;
    while (end < out->length && out->text[end] != ' ')
        end++;
    bool named = end >= sizeof(suffix) - 1;
    for (size_t i = sizeof(suffix) - 1; i > 0 && named; i--)
        named = (out->text[end - i] | 0x20) == suffix[sizeof(suffix) - 1 - i]; /* in either case */
    if (!named)
        return;
    while (out->text[end] == ' ')
        end++;
    out->length -= end;
    memmove(out->text, out->text + end, out->length + 1);
}

/* The address may be odd and the size too: units are put together from bytes, and an odd rest is dropped. */
static uint32_t unit_at(const uint8_t *bytes, uint64_t index)
{
    return (uint32_t)bytes[2 * index] | (uint32_t)bytes[2 * index + 1] << 8;
}

enum status command_line_from_options(const void *options, uint64_t size_bytes, struct command_line *out)
{
    const uint8_t *bytes = options;
    uint64_t unit_count = bytes == NULL ? 0 : size_bytes / 2;
    *out = (struct command_line){.length = 0};
    for (uint64_t i = 0; i < unit_count && unit_at(bytes, i) != 0; i++) {
        uint32_t unit = unit_at(bytes, i);
        /* Text starts in ASCII and holds no control characters; a device path or a GUID fails at once. */
        if (!is_space(unit) && !is_printable(unit) && (unit < 0xA0 || i == 0)) {
            out->length = 0;
            break;
        }
        append(out, unit);
    }
    if (finish(out) == STATUS_OK)
        drop_program_name(out);
    return out->length == 0 ? STATUS_NOT_FOUND : STATUS_OK;
}

enum status command_line_from_file(const uint8_t *bytes, uint64_t size_bytes, struct command_line *out)
{
    /* Notepad's: U+FEFF in UTF-8. */
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};
    bool marked = size_bytes >= sizeof(mark) && memcmp(bytes, mark, sizeof(mark)) == 0;
    *out = (struct command_line){.length = 0};
    for (uint64_t i = marked ? sizeof(mark) : 0; i < size_bytes && bytes[i] != 0; i++) {
        bool continuation = (bytes[i] & 0xC0) == 0x80; /* of a UTF-8 sequence: one '?' for all of it */
        if (!continuation && bytes[i] != '\r')
            append(out, bytes[i]);
    }
    return finish(out);
}

/* 0 bytes when there is no such volume or file, or it does not read. */
static uint64_t read_file(const struct boot *boot, uint8_t *buffer, uint64_t capacity)
{
    static const struct efi_guid guid = EFI_GUID_SIMPLE_FILE_SYSTEM;
    static const uint16_t path[] = u"\\keel\\cmdline.txt";
    /* The volume that we were loaded from, not the first one that has such a file: two sticks may be plugged in. */
    struct efi_simple_file_system *volume = gather_protocol(boot, boot->loaded_image->device_handle, &guid);
    struct efi_file *root;
    struct efi_file *file;
    uint64_t size_bytes = 0;
    if (volume == NULL || volume->open_volume(volume, &root) != EFI_SUCCESS)
        return 0;
    if (root->open(root, &file, path, EFI_FILE_MODE_READ, 0) == EFI_SUCCESS) {
        /* In: the buffer's size; out: what was read, which is the firmware's claim and is checked. */
        size_bytes = capacity;
        if (file->read(file, &size_bytes, buffer) != EFI_SUCCESS || size_bytes > capacity)
            size_bytes = 0;
        file->close(file);
    }
    root->close(root);
    return size_bytes;
}

static enum status read_line(const struct boot *boot, bool from_file, struct command_line *out)
{
    const struct efi_loaded_image *loaded = boot->loaded_image;
    if (from_file)
        return command_line_from_file(buffers_scratch, read_file(boot, buffers_scratch, FILE_BYTES_MAX), out);
    return command_line_from_options(loaded->load_options, loaded->load_options_size_bytes, out);
}

/* U-Boot always passes its bootargs, by default Linux's ("root=/dev/sdb3 ..."): there the file is asked first. */
void command_line_gather(struct boot *boot)
{
    static const char uboot[] = "Das U-Boot";
    bool file_first = strncmp(boot->handoff->firmware_vendor, uboot, sizeof(uboot) - 1) == 0;
    struct command_line line;
    if (read_line(boot, file_first, &line) != STATUS_OK && read_line(boot, !file_first, &line) != STATUS_OK)
        return;
    memcpy(boot->handoff->command_line, line.text, line.length + 1);
    boot->handoff->warnings |= line.mended ? HANDOFF_WARNING_COMMAND_LINE_CUT : 0u;
    say(boot->system_table, "command line: %s", line.text);
}

bool command_line_has(const char *line, const char *word)
{
    char copy[HANDOFF_COMMAND_LINE_BYTES];
    bool open;
    bool found = false;
    memcpy(copy, line, sizeof(copy));
    char *rest = copy;
    for (const char *next; (next = word_next(&rest, &open)) != NULL;)
        found |= !open && strcmp(next, word) == 0;
    return found;
}
