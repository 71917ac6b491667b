/*
 * pe_describe and pe_relocate over any bytes. Holds: what is described lies inside the image, sections rise and are
 * whole pages, nothing is read or written outside, and relocation adds the delta to exactly the words that a plain
 * reading of .reloc names.
 *
 * Input: the first bytes of an image. SizeOfImage asks for more than a fuzzer gives, so zeros follow up to IMAGE_BYTES.
 */
#include "kernel/base/pe.h"
#include "tests/fuzz/input.h"

#define IMAGE_BYTES 0x8000u
#define DELTA       0xFFFFFFFF7F123000ull

static void check_description(const struct pe_image *pe)
{
    uint32_t previous_end = 0;
    CHECK(pe->size_bytes != 0 && pe->size_bytes % PAGE_SIZE == 0 && pe->size_bytes <= IMAGE_BYTES);
    CHECK(pe->section_count <= PE_SECTIONS_MAX);
    for (uint32_t i = 0; i < pe->section_count; i++) {
        const struct pe_section *section = &pe->sections[i];
        CHECK(section->rva % PAGE_SIZE == 0 && section->size_bytes % PAGE_SIZE == 0);
        CHECK(section->rva >= previous_end);
        CHECK((uint64_t)section->rva + section->size_bytes <= pe->size_bytes);
        CHECK(strlen(section->name) < PE_NAME_BYTES);
        previous_end = section->rva + section->size_bytes;
    }
    CHECK((uint64_t)pe->exceptions.rva + pe->exceptions.size_bytes <= pe->size_bytes);
    CHECK((uint64_t)pe->relocations.rva + pe->relocations.size_bytes <= pe->size_bytes);
}

static uint32_t number_at(const uint8_t *image, uint64_t at, unsigned size_bytes)
{
    uint32_t value = 0;
    memcpy(&value, image + at, size_bytes);
    return value;
}

/* Adds DELTA where .reloc says so. False: some of it lies over .reloc itself, where the order would matter. */
static bool relocate_plainly(uint8_t *image, const struct pe_image *pe)
{
    uint32_t end = pe->relocations.rva + pe->relocations.size_bytes;
    for (uint32_t block = pe->relocations.rva; end - block >= 8;) {
        uint32_t block_bytes = number_at(image, block + 4, 4);
        for (uint32_t i = 8; i + 2 <= block_bytes; i += 2) {
            uint32_t entry = number_at(image, block + i, 2);
            if (entry >> 12 != 10)
                continue;
            uint64_t at = (uint64_t)number_at(image, block, 4) + (entry & 0xFFF);
            if (at + 8 > pe->relocations.rva && at < end)
                return false;
            uint64_t word;
            memcpy(&word, image + at, sizeof(word));
            word += DELTA;
            memcpy(image + at, &word, sizeof(word));
        }
        block += block_bytes;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes > IMAGE_BYTES)
        return 0;
    struct pe_image pe;
    uint8_t *exact = input_copy(bytes, size_bytes);
    (void)!pe_describe(exact, size_bytes, &pe);
    free(exact);

    uint8_t *image = calloc(1, IMAGE_BYTES);
    memcpy(image, bytes, size_bytes);
    if (pe_describe(image, IMAGE_BYTES, &pe) == STATUS_OK) {
        check_description(&pe);
        image = realloc(image, pe.size_bytes);
        if (pe_relocate(image, &pe, 0) == STATUS_OK) {
            uint8_t *expected = input_copy(image, pe.size_bytes);
            bool comparable = relocate_plainly(expected, &pe);
            enum status status = pe_relocate(image, &pe, DELTA);
            CHECK(!comparable || (status == STATUS_OK && memcmp(image, expected, pe.size_bytes) == 0));
            free(expected);
        }
    }
    free(image);
    return 0;
}
