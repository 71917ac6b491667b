/*
 * map_file_read, the reader of the .map format, over any bytes. Holds: it terminates, an error names a line of the file
 * and is one line of printable text, and what was read can be written in the monitor's format and read again alike.
 */
#include "tests/unit/map_file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/input.h"

#define LINE_BYTES 80u

static struct map_file file;
static struct map_file again;
static int descriptor = -1;
static char path[32];

static void fill_file(const void *bytes, size_t size_bytes)
{
    if (descriptor < 0) {
        descriptor = memfd_create("map", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    }
    CHECK(ftruncate(descriptor, 0) == 0);
    CHECK(pwrite(descriptor, bytes, size_bytes, 0) == (ssize_t)size_bytes);
}

static void check_error(const uint8_t *bytes, size_t size_bytes)
{
    unsigned lines = 1;
    for (size_t i = 0; i < size_bytes; i++)
        lines += bytes[i] == '\n';
    unsigned line = UINT32_MAX;
    CHECK(strncmp(file.error, path, strlen(path)) == 0);
    CHECK(sscanf(file.error + strlen(path), ":%u: ", &line) == 1);
    CHECK(line <= lines);
    for (const char *c = file.error; *c != '\0'; c++)
        CHECK(isprint((unsigned char)*c));
}

static void check_again(void)
{
    char *text = malloc((size_t)file.count * LINE_BYTES + 1);
    size_t length = 0;
    for (uint32_t i = 0; i < file.count; i++) {
        const struct efi_memory_descriptor *row = &file.descriptors[i];
        length += (size_t)snprintf(text + length, LINE_BYTES, "%u 0x%" PRIx64 " %" PRIu64 " 0x%" PRIx64 "\n", row->type,
                                   row->physical_start, row->number_of_pages, row->attribute);
    }
    fill_file(text, length);
    CHECK(map_file_read(&again, path));
    CHECK(again.count == file.count);
    CHECK(memcmp(again.descriptors, file.descriptors, file.count * sizeof(file.descriptors[0])) == 0);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    fill_file(bytes, size_bytes);
    if (!map_file_read(&file, path)) {
        check_error(bytes, size_bytes);
        return 0;
    }
    CHECK(file.error[0] == '\0' && file.count > 0 && file.count <= MEMMAP_DESCRIPTORS_MAX);
    free(map_file_pack(&file, 40 + size_bytes % 25));
    check_again();
    return 0;
}
