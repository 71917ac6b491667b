/* The small PE: see pe_image.h. */
#include "tests/unit/pe_image.h"

#include <string.h>

#define READ    0x40000000u
#define EXECUTE 0x20000000u
#define WRITE   0x80000000u

#define DIR64(offset) ((uint16_t)(10u << 12 | (offset)))

void pe_image_put16(uint8_t *image, uint32_t offset, uint16_t value)
{
    memcpy(image + offset, &value, sizeof(value));
}

void pe_image_put32(uint8_t *image, uint32_t offset, uint32_t value)
{
    memcpy(image + offset, &value, sizeof(value));
}

static void put_sections(uint8_t *image)
{
    static const struct {
        char name[8];
        uint32_t rva;
        uint32_t flags;
    } layout[PE_IMAGE_SECTIONS] = {
        {".text", 0x1000, READ | EXECUTE}, {".boot", 0x2000, READ | EXECUTE}, {".bootd", 0x3000, READ | WRITE},
        {".bootz", 0x4000, READ | WRITE},  {".reloc", PE_IMAGE_RELOC, READ},
    };
    for (uint32_t i = 0; i < PE_IMAGE_SECTIONS; i++) {
        uint32_t header = PE_IMAGE_TABLE + 40 * i;
        memcpy(image + header, layout[i].name, 8);
        pe_image_put32(image, header + 8, 0x800);
        pe_image_put32(image, header + 12, layout[i].rva);
        pe_image_put32(image, header + 36, layout[i].flags);
    }
}

static void put_relocations(uint8_t *image)
{
    pe_image_put32(image, PE_IMAGE_DIRECTORIES + 5 * 8, PE_IMAGE_RELOC);
    pe_image_put32(image, PE_IMAGE_DIRECTORIES + 5 * 8 + 4, 16);
    pe_image_put32(image, PE_IMAGE_RELOC, 0x3000);
    pe_image_put32(image, PE_IMAGE_RELOC + 4, 16);
    pe_image_put16(image, PE_IMAGE_RELOC + 8, DIR64(0x10));
    pe_image_put16(image, PE_IMAGE_RELOC + 10, DIR64(0x18));
}

void pe_image_put(uint8_t *image)
{
    memset(image, 0, PE_IMAGE_BYTES);
    pe_image_put16(image, 0, 0x5A4D);
    pe_image_put32(image, 0x3C, PE_IMAGE_HEADER);
    pe_image_put32(image, PE_IMAGE_HEADER, 0x4550);
    pe_image_put16(image, PE_IMAGE_HEADER + 4, 0x8664);
    pe_image_put16(image, PE_IMAGE_HEADER + 6, PE_IMAGE_SECTIONS);
    pe_image_put16(image, PE_IMAGE_HEADER + 20, 240);
    pe_image_put16(image, PE_IMAGE_OPTIONAL, 0x20B);
    pe_image_put32(image, PE_IMAGE_OPTIONAL + 32, 0x1000);
    pe_image_put32(image, PE_IMAGE_OPTIONAL + 56, PE_IMAGE_BYTES);
    pe_image_put32(image, PE_IMAGE_OPTIONAL + 108, 16);
    put_sections(image);
    put_relocations(image);
}
