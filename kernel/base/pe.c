/*
 * The PE reader. All fields are read through bounds-checked accessors, at fixed offsets, so that the file means the
 * same on every compiler; nothing is cast to a struct.
 *
 *     0      "MZ" ... at 0x3C: where the signature is
 *            "PE\0\0"
 *            COFF header          20 bytes: machine, number of sections, size of the optional header
 *            optional header      PE32+: alignment, SizeOfImage, at 112 the data directories {rva, size}
 *            section table        40 bytes each: name, virtual size, rva, ..., flags
 *     rva    .text, .rdata, ...   as mapped: what the file's raw offsets say does not matter here
 *
 * Rules: the image is input (a test or the fuzzer may hand in anything), even though the one that boots is our
 * linker's. A sum of two fields is done in 64 bits, or compared the other way round, so that it cannot wrap.
 */
#include "kernel/base/pe.h"

#include "kernel/base/string.h"

/* "MS-DOS Stub": the offset of the PE signature stands at 0x3C. */
#define DOS_SIGNATURE     0x5A4Du
#define DOS_PE_OFFSET     0x3Cu
#define PE_SIGNATURE      0x00004550u

/* "COFF File Header" */
#define COFF_HEADER_SIZE          20u
#define COFF_MACHINE              0u
#define COFF_SECTION_COUNT        2u
#define COFF_OPTIONAL_HEADER_SIZE 16u
#define COFF_MACHINE_AMD64        0x8664u

/* "Optional Header", PE32+ offsets */
#define OPTIONAL_MAGIC              0u
#define OPTIONAL_SECTION_ALIGNMENT  32u
#define OPTIONAL_SIZE_OF_IMAGE      56u
#define OPTIONAL_DIRECTORY_COUNT    108u
#define OPTIONAL_DIRECTORIES        112u
#define OPTIONAL_MAGIC_PE32_PLUS    0x20Bu
#define DIRECTORY_SIZE              8u
#define DIRECTORY_EXCEPTIONS        3u
#define DIRECTORY_RELOCATIONS       5u

/* "Section Table (Section Headers)" and "Section Flags" */
#define SECTION_HEADER_SIZE     40u
#define SECTION_NAME_SIZE       8u
#define SECTION_VIRTUAL_SIZE    8u
#define SECTION_VIRTUAL_ADDRESS 12u
#define SECTION_CHARACTERISTICS 36u
#define SECTION_MEM_EXECUTE     0x20000000u
#define SECTION_MEM_WRITE       0x80000000u

/* "The .reloc Section": blocks of a page RVA, a byte count and 16-bit entries of a 4-bit type and a 12-bit offset. */
#define RELOCATION_BLOCK_HEADER_SIZE 8u
#define RELOCATION_TYPE_SHIFT        12u
#define RELOCATION_OFFSET_MASK       0xFFFu
#define RELOCATION_ABSOLUTE          0u
#define RELOCATION_DIR64             10u

/* What may be read: every read is checked against it, and one that fails makes the whole description invalid. */
struct reader {
    const uint8_t *bytes;
    uint64_t size_bytes;
    bool failed;
};

/* A failed read is 0 and sticks: callers read on and look at `failed` once, where they decide. */
static uint64_t read(struct reader *reader, uint64_t offset, unsigned width_bytes)
{
    if (offset > reader->size_bytes || reader->size_bytes - offset < width_bytes) {
        reader->failed = true;
        return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < width_bytes; i++)
        value |= (uint64_t)reader->bytes[offset + i] << (8 * i);
    return value;
}

static uint32_t read32(struct reader *reader, uint64_t offset)
{
    return (uint32_t)read(reader, offset, 4);
}

/* Not rva + size <= image size: the sum of two fields of a file may wrap. */
static bool inside(const struct pe_image *pe, uint64_t rva, uint64_t size_bytes)
{
    return rva <= pe->size_bytes && size_bytes <= pe->size_bytes - rva;
}

/* An absent directory is fine; one that reaches out of the image is not. */
static bool read_directory(struct reader *reader, const struct pe_image *pe, uint64_t optional, unsigned index,
                           struct pe_directory *out)
{
    uint64_t offset = optional + OPTIONAL_DIRECTORIES + index * DIRECTORY_SIZE;
    /* NumberOfRvaAndSizes: a linker may leave out the last directories, which then are some other bytes. */
    if (read32(reader, optional + OPTIONAL_DIRECTORY_COUNT) <= index)
        return true;
    *out = (struct pe_directory){read32(reader, offset), read32(reader, offset + 4)};
    return inside(pe, out->rva, out->size_bytes);
}

static bool read_section(struct reader *reader, const struct pe_image *pe, uint64_t header, struct pe_section *out)
{
    for (unsigned i = 0; i < SECTION_NAME_SIZE; i++)
        out->name[i] = (char)read(reader, header + i, 1);
    uint32_t flags = read32(reader, header + SECTION_CHARACTERISTICS);
    /* The loader gives a section whole pages; in 64 bits, where 0xFFFFFFFF rounded up does not become 0. */
    uint64_t size_bytes = align_up(read32(reader, header + SECTION_VIRTUAL_SIZE), PAGE_SIZE);
    out->writable = (flags & SECTION_MEM_WRITE) != 0;
    out->executable = (flags & SECTION_MEM_EXECUTE) != 0;
    out->rva = read32(reader, header + SECTION_VIRTUAL_ADDRESS);
    out->size_bytes = (uint32_t)size_bytes;
    return (out->rva & PAGE_MASK) == 0 && inside(pe, out->rva, size_bytes);
}

static enum status read_sections(struct reader *reader, uint64_t table, uint64_t count, struct pe_image *pe)
{
    if (count > PE_SECTIONS_MAX)
        return STATUS_LIMIT;
    uint32_t previous_end = 0;
    for (; pe->section_count < count; pe->section_count++) {
        struct pe_section *section = &pe->sections[pe->section_count];
        uint64_t header = table + pe->section_count * SECTION_HEADER_SIZE;
        /* Rising and apart, as the specification wants them: then each page has one section, so one set of rights. */
        if (!read_section(reader, pe, header, section) || section->rva < previous_end)
            return STATUS_INVALID;
        previous_end = section->rva + section->size_bytes;
    }
    return reader->failed ? STATUS_INVALID : STATUS_OK;
}

enum status pe_describe(const void *image, uint64_t available_bytes, struct pe_image *out)
{
    struct reader reader = {image, available_bytes, false};
    /* Where things are is read before anything is checked: reads out of bounds are harmless and remembered. */
    uint64_t signature = read32(&reader, DOS_PE_OFFSET);
    uint64_t coff = signature + sizeof(uint32_t);
    uint64_t optional = coff + COFF_HEADER_SIZE;
    uint64_t section_table = optional + read(&reader, coff + COFF_OPTIONAL_HEADER_SIZE, 2);
    *out = (struct pe_image){.size_bytes = read32(&reader, optional + OPTIONAL_SIZE_OF_IMAGE)};

    bool sound = read(&reader, 0, 2) == DOS_SIGNATURE && read32(&reader, signature) == PE_SIGNATURE &&
                 read(&reader, coff + COFF_MACHINE, 2) == COFF_MACHINE_AMD64 &&
                 read(&reader, optional + OPTIONAL_MAGIC, 2) == OPTIONAL_MAGIC_PE32_PLUS &&
                 read32(&reader, optional + OPTIONAL_SECTION_ALIGNMENT) == PAGE_SIZE && out->size_bytes != 0 &&
                 (out->size_bytes & PAGE_MASK) == 0 && out->size_bytes <= available_bytes &&
                 read_directory(&reader, out, optional, DIRECTORY_EXCEPTIONS, &out->exceptions) &&
                 read_directory(&reader, out, optional, DIRECTORY_RELOCATIONS, &out->relocations);
    if (!sound)
        return STATUS_INVALID;
    return read_sections(&reader, section_table, read(&reader, coff + COFF_SECTION_COUNT, 2), out);
}

/* Adds `delta` to what one block names; 0 writes nothing. False for an entry of another type or outside the image. */
static bool walk_block(uint8_t *image, const struct pe_image *pe, struct reader *reader, uint64_t block,
                       uint64_t block_bytes, uint64_t delta)
{
    for (uint64_t entry = block + RELOCATION_BLOCK_HEADER_SIZE; entry + 2 <= block + block_bytes; entry += 2) {
        uint32_t value = (uint32_t)read(reader, entry, 2);
        uint32_t type = value >> RELOCATION_TYPE_SHIFT;
        uint64_t rva = (uint64_t)read32(reader, block) + (value & RELOCATION_OFFSET_MASK);
        uint64_t word;
        if (type == RELOCATION_ABSOLUTE)
            continue; /* padding to 32 bits */
        if (type != RELOCATION_DIR64 || !inside(pe, rva, sizeof(word)))
            return false;
        memcpy(&word, image + rva, sizeof(word));
        word += delta; /* modulo 2^64: a lower address is a large delta */
        if (delta != 0)
            memcpy(image + rva, &word, sizeof(word));
    }
    return true;
}

/* The whole of .reloc, in the same way. */
static bool walk_relocations(uint8_t *image, const struct pe_image *pe, uint64_t delta)
{
    struct reader reader = {image, pe->size_bytes, false};
    uint64_t block = pe->relocations.rva;
    uint64_t end = block + pe->relocations.size_bytes;
    /* Blocks are as long as they say, header included; one under 8 bytes would never end the walk. */
    while (end - block >= RELOCATION_BLOCK_HEADER_SIZE) {
        uint64_t block_bytes = read32(&reader, block + 4);
        if (block_bytes < RELOCATION_BLOCK_HEADER_SIZE || block_bytes > end - block ||
            !walk_block(image, pe, &reader, block, block_bytes, delta))
            return false;
        block += block_bytes;
    }
    return true;
}

enum status pe_check_relocations(const void *image, const struct pe_image *pe)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)image; /* a delta of 0 writes nothing: the const is honoured */
    return pe->relocations.size_bytes != 0 && walk_relocations(bytes, pe, 0) ? STATUS_OK : STATUS_INVALID;
}

void pe_relocate(void *image, const struct pe_image *pe, uint64_t delta)
{
    (void)walk_relocations(image, pe, delta);
}
