/*
 * Our own image, as it stands in memory: its PE headers, described once.
 *
 * Owns: the one struct pe_image of the kernel. Constant after image_init.
 */
#ifndef KEEL_KERNEL_IMAGE_H
#define KEEL_KERNEL_IMAGE_H

#include "kernel/base/pe.h"

/* The first byte of the headers; the linker defines it. */
extern const uint8_t __ImageBase[];

/* CHECKs that the headers are as the linker made them: boot/ has refused every other image before. */
void image_init(void);

const struct pe_image *image_pe(void);

/* Tells builds apart: the header's time stamp, which is a hash of the image (lld-link /brepro). */
uint32_t image_id(void);

#endif
