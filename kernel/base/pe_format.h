/*
 * A PE32+ as it lies in memory: what kernel/base/pe.c reads of it; nobody else includes this.
 *
 * Source: Microsoft, "PE Format"; the names of its sections stand at the structs. What nobody here asks for is unused.
 */
#ifndef KEEL_BASE_PE_FORMAT_H
#define KEEL_BASE_PE_FORMAT_H

#include "kernel/base/pe.h"

/* "MS-DOS Stub" */
#define PE_DOS_MAGIC 0x5A4Du /* "MZ" */
struct pe_dos_header {
    uint16_t magic;
    uint8_t unused[58];
    uint32_t pe_offset; /* of struct pe_coff_header */
};
_Static_assert(offsetof(struct pe_dos_header, pe_offset) == 0x3C, "PE Format");

/* "COFF File Header", with the signature before it */
#define PE_SIGNATURE     0x00004550u
#define PE_MACHINE_AMD64 0x8664u
struct pe_coff_header {
    uint32_t signature;
    uint16_t machine;
    uint16_t section_count;
    uint8_t unused[12];
    uint16_t optional_header_bytes; /* of what follows, up to the section table */
    uint16_t characteristics;
};
_Static_assert(sizeof(struct pe_coff_header) == 4 + 20, "PE Format");

/* "Optional Header (Image Only)", PE32+ */
#define PE_MAGIC_PE32_PLUS       0x20Bu
#define PE_DIRECTORY_EXCEPTIONS  3u
#define PE_DIRECTORY_RELOCATIONS 5u
struct pe_optional_header {
    uint16_t magic;
    uint8_t unused0[30];
    uint32_t section_alignment;
    uint8_t unused1[20];
    uint32_t image_bytes; /* SizeOfImage */
    uint8_t unused2[48];
    uint32_t directory_count; /* NumberOfRvaAndSizes: a linker may leave out the last, which then are other bytes */
    struct pe_directory directories[PE_DIRECTORY_RELOCATIONS + 1];
};
_Static_assert(offsetof(struct pe_optional_header, section_alignment) == 32, "PE Format");
_Static_assert(offsetof(struct pe_optional_header, image_bytes) == 56, "PE Format");
_Static_assert(offsetof(struct pe_optional_header, directories) == 112, "PE Format");

/* "Section Table (Section Headers)", "Section Flags" */
#define PE_SECTION_EXECUTE 0x20000000u
#define PE_SECTION_WRITE   0x80000000u
struct pe_section_header {
    char name[PE_NAME_BYTES - 1];
    uint32_t virtual_bytes;
    uint32_t rva;
    uint8_t unused[20];
    uint32_t flags;
};
_Static_assert(sizeof(struct pe_section_header) == 40, "PE Format");

/* "The .reloc Section": a block a page, with 16-bit entries of a type (15:12) and an offset in the page (11:0) */
#define PE_RELOCATION_TYPE_SHIFT  12u
#define PE_RELOCATION_OFFSET_MASK 0xFFFu
#define PE_RELOCATION_ABSOLUTE    0u
#define PE_RELOCATION_DIR64       10u
struct pe_relocation_block {
    uint32_t page_rva;
    uint32_t size_bytes; /* this header included */
};
_Static_assert(sizeof(struct pe_relocation_block) == 8, "PE Format");

#endif
