/*
 * The PE reader. Headers are copied out of the image through one bounds check; nothing is cast to a struct.
 *
 *     0      "MZ" ... at 0x3C: where the signature is
 *            "PE\0\0", COFF header  machine, number of sections, size of the optional header
 *            optional header      PE32+: alignment, SizeOfImage, the data directories {rva, size}
 *            section table        each: name, virtual size, rva, ..., flags
 *     rva    .text, .rdata, ...   as mapped: what the file's raw offsets say does not matter here
 *
 * Rules: the image is input (a test or the fuzzer may hand in anything), even though the one that boots is our
 * linker's. A sum of two fields is done in 64 bits, or compared the other way round, so that it cannot wrap.
 */
#include "kernel/base/pe.h"

#include "kernel/base/pe_format.h"
#include "kernel/base/string.h"

/* What may be read. */
struct reader {
    const uint8_t *bytes;
    uint64_t size_bytes;
};

static bool read(const struct reader *reader, uint64_t offset, void *to, size_t size_bytes)
{
    if (offset > reader->size_bytes || reader->size_bytes - offset < size_bytes)
        return false;
    memcpy(to, reader->bytes + offset, size_bytes);
    return true;
}

/* Not rva + size <= image size: the sum of two fields of a file may wrap. */
static bool inside(const struct pe_image *pe, uint64_t rva, uint64_t size_bytes)
{
    return rva <= pe->size_bytes && size_bytes <= pe->size_bytes - rva;
}

/* An absent directory is fine; one that reaches out of the image is not. */
static bool read_directory(const struct pe_image *pe, const struct pe_optional_header *header, unsigned index,
                           struct pe_directory *out)
{
    if (header->directory_count > index)
        *out = header->directories[index];
    return inside(pe, out->rva, out->size_bytes);
}

static bool read_section(const struct reader *reader, const struct pe_image *pe, uint64_t offset,
                         struct pe_section *out)
{
    struct pe_section_header header;
    if (!read(reader, offset, &header, sizeof(header)))
        return false;
    /* The loader gives a section whole pages; in 64 bits, where 0xFFFFFFFF rounded up does not become 0. */
    uint64_t size_bytes = align_up(header.virtual_bytes, PAGE_SIZE);
    memcpy(out->name, header.name, sizeof(header.name));
    out->writable = (header.flags & PE_SECTION_WRITE) != 0;
    out->executable = (header.flags & PE_SECTION_EXECUTE) != 0;
    out->rva = header.rva;
    out->size_bytes = (uint32_t)size_bytes;
    return (out->rva & PAGE_MASK) == 0 && inside(pe, out->rva, size_bytes);
}

static enum status read_sections(const struct reader *reader, uint64_t table, uint32_t count, struct pe_image *pe)
{
    if (count > PE_SECTIONS_MAX)
        return STATUS_LIMIT;
    uint32_t previous_end = 0;
    for (; pe->section_count < count; pe->section_count++) {
        struct pe_section *section = &pe->sections[pe->section_count];
        uint64_t offset = table + pe->section_count * sizeof(struct pe_section_header);
        /* Rising and apart, as the specification wants them: then each page has one section, so one set of rights. */
        if (!read_section(reader, pe, offset, section) || section->rva < previous_end)
            return STATUS_INVALID;
        previous_end = section->rva + section->size_bytes;
    }
    return STATUS_OK;
}

enum status pe_describe(const void *image, uint64_t available_bytes, struct pe_image *out)
{
    const struct reader reader = {image, available_bytes};
    struct pe_dos_header dos;
    struct pe_coff_header coff;
    struct pe_optional_header optional;
    if (!read(&reader, 0, &dos, sizeof(dos)) || !read(&reader, dos.pe_offset, &coff, sizeof(coff)) ||
        !read(&reader, dos.pe_offset + sizeof(coff), &optional, sizeof(optional)))
        return STATUS_INVALID;
    *out = (struct pe_image){.size_bytes = optional.image_bytes};
    bool sound = dos.magic == PE_DOS_MAGIC && coff.signature == PE_SIGNATURE && coff.machine == PE_MACHINE_AMD64 &&
                 optional.magic == PE_MAGIC_PE32_PLUS && optional.section_alignment == PAGE_SIZE &&
                 out->size_bytes != 0 && (out->size_bytes & PAGE_MASK) == 0 && out->size_bytes <= available_bytes &&
                 read_directory(out, &optional, PE_DIRECTORY_EXCEPTIONS, &out->exceptions) &&
                 read_directory(out, &optional, PE_DIRECTORY_RELOCATIONS, &out->relocations);
    if (!sound)
        return STATUS_INVALID;
    uint64_t section_table = dos.pe_offset + sizeof(coff) + coff.optional_header_bytes;
    return read_sections(&reader, section_table, coff.section_count, out);
}

/*
 * Adds `delta` to what one block names, whose entries end at `end`; 0 writes nothing. False for an entry of another
 * type or outside the image.
 */
static bool walk_block(uint8_t *image, const struct pe_image *pe, const struct pe_relocation_block *block, uint64_t at,
                       uint64_t end, uint64_t delta)
{
    for (uint16_t entry; at + sizeof(entry) <= end; at += sizeof(entry)) {
        memcpy(&entry, image + at, sizeof(entry));
        uint32_t type = (uint32_t)entry >> PE_RELOCATION_TYPE_SHIFT;
        uint64_t rva = (uint64_t)block->page_rva + (entry & PE_RELOCATION_OFFSET_MASK);
        uint64_t word;
        if (type == PE_RELOCATION_ABSOLUTE)
            continue; /* padding to 32 bits */
        if (type != PE_RELOCATION_DIR64 || !inside(pe, rva, sizeof(word)))
            return false;
        memcpy(&word, image + rva, sizeof(word));
        word += delta; /* modulo 2^64: a lower address is a large delta */
        if (delta != 0)
            memcpy(image + rva, &word, sizeof(word));
    }
    return true;
}

enum status pe_relocate(void *image, const struct pe_image *pe, uint64_t delta)
{
    struct pe_relocation_block block;
    uint64_t at = pe->relocations.rva;
    uint64_t end = at + pe->relocations.size_bytes;
    /* Blocks are as long as they say, header included; one under 8 bytes would never end the walk. */
    for (; end - at >= sizeof(block); at += block.size_bytes) {
        memcpy(&block, (uint8_t *)image + at, sizeof(block));
        if (block.size_bytes < sizeof(block) || block.size_bytes > end - at ||
            !walk_block(image, pe, &block, at + sizeof(block), at + block.size_bytes, delta))
            return STATUS_INVALID;
    }
    return pe->relocations.size_bytes != 0 ? STATUS_OK : STATUS_INVALID;
}
