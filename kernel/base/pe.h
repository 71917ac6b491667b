/*
 * Reading a PE32+ image as it lies in memory, section by section, and moving it to another address.
 *
 * Owns: nothing; every function works on the bytes it is given. boot/ uses it to map and relocate our own image, the
 * kernel to find its sections and unwind tables, the tests and the fuzzer to try malformed ones.
 * Source: Microsoft, "PE Format" (learn.microsoft.com/windows/win32/debug/pe-format); section names stand at the items.
 */
#ifndef KEEL_BASE_PE_H
#define KEEL_BASE_PE_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

#define PE_SECTIONS_MAX 16u
#define PE_NAME_BYTES   9u /* 8 characters and a terminator of our own */

/* [rva, rva + size_bytes) of the loaded image; whole pages when the image is aligned to pages, as ours is. */
struct pe_section {
    char name[PE_NAME_BYTES];
    bool writable;
    bool executable;
    uint32_t rva;
    uint32_t size_bytes;
};

/* A data directory; size 0: absent. Lies inside the image. */
struct pe_directory {
    uint32_t rva;
    uint32_t size_bytes;
};

struct pe_image {
    uint32_t size_bytes; /* SizeOfImage, a multiple of PAGE_SIZE */
    uint32_t section_count;
    struct pe_section sections[PE_SECTIONS_MAX];
    struct pe_directory exceptions;  /* .pdata: an array of RUNTIME_FUNCTION */
    struct pe_directory relocations; /* .reloc */
};

/*
 * Describes the image whose headers start at `image`, of which `available_bytes` may be read.
 * STATUS_INVALID: not a PE32+ for x86-64 with page-aligned sections in rising order inside the image.
 * STATUS_LIMIT: more than PE_SECTIONS_MAX sections.
 */
MUST_CHECK enum status pe_describe(const void *image, uint64_t available_bytes, struct pe_image *out);

/*
 * Adds `delta` (modulo 2^64) to every 64-bit word that .reloc names. 0 writes nothing, and asks whether that can be
 * done; after a yes no other delta fails, unless .reloc names words of its own. The image is written at `image`; code
 * of the image itself may call this while it runs there, but every pointer it holds in relocated data changes under it.
 * STATUS_INVALID: no .reloc, or entries in it that are neither ABSOLUTE nor DIR64, or name words outside the image.
 */
enum status pe_relocate(void *image, const struct pe_image *pe, uint64_t delta);

#endif
