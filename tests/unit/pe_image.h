/*
 * A small PE32+ as the linker lays out ours, for tests of who reads one: every byte is known, so a test can change it.
 *
 *   0x0000 headers   0x1000 .text   0x2000 .boot   0x3000 .bootd   0x4000 .bootz   0x5000 .reloc   0x6000 end
 *
 * .reloc has one block, for page 0x3000: the words at 0x3010 and 0x3018.
 */
#ifndef KEEL_TESTS_PE_IMAGE_H
#define KEEL_TESTS_PE_IMAGE_H

#include <stdint.h>

#define PE_IMAGE_BYTES       0x6000u
#define PE_IMAGE_SECTIONS    5u
#define PE_IMAGE_HEADER      0x80u                     /* "PE", then the COFF header */
#define PE_IMAGE_OPTIONAL    (PE_IMAGE_HEADER + 24)
#define PE_IMAGE_DIRECTORIES (PE_IMAGE_OPTIONAL + 112)
#define PE_IMAGE_TABLE       (PE_IMAGE_OPTIONAL + 240) /* of sections, 40 bytes each */
#define PE_IMAGE_RELOC       0x5000u

/* Writes it over PE_IMAGE_BYTES of `image`. */
void pe_image_put(uint8_t *image);

void pe_image_put16(uint8_t *image, uint32_t offset, uint16_t value);
void pe_image_put32(uint8_t *image, uint32_t offset, uint32_t value);

#endif
