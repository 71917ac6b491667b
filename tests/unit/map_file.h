/*
 * Reading a memory map in the text format of tests/maps/README.md, which is also what the monitor's `map` prints.
 *
 * Rules: `#` lines and empty lines are skipped, CRLF and a UTF-8 mark are accepted; anything else that is not four
 * numbers of the right size is an error that names file and line.
 */
#ifndef KEEL_TESTS_MAP_FILE_H
#define KEEL_TESTS_MAP_FILE_H

#include "kernel/base/efi.h"
#include "mm/memmap.h"

struct map_file {
    struct efi_memory_descriptor descriptors[MEMMAP_DESCRIPTORS_MAX];
    uint32_t count;
    char error[512]; /* "FILE:LINE: what", or "FILE: what" when it cannot be read at all */
};

/* False: file->error says why. */
bool map_file_read(struct map_file *file, const char *path);

/* The descriptors as firmware would hand them over, `stride` bytes apart with 0xA5 between them. Free with free(). */
void *map_file_pack(const struct map_file *file, uint64_t stride);

#endif
