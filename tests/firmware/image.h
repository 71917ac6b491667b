/*
 * The kernel's image as firmware loads and describes it.
 *
 * Owns: the wishes of `image ...`. The kernel asks for its own address by instruction, and needs its volume for the
 * command line alone; firmware may have put it anywhere, and its loaded-image protocol may say anything.
 */
#ifndef KEEL_TESTS_FIRMWARE_IMAGE_H
#define KEEL_TESTS_FIRMWARE_IMAGE_H

#include "boot/efi.h"

/* above-4g (D79), bogus, no-volume (D80). False: no such wish. */
bool image_wish(const char *what);

/* Moments: the kernel is about to be loaded; it is loaded, but not started. */
void image_before_load(void);
void image_loaded(struct efi_loaded_image *kernel);

#endif
