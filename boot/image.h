/* Our own image: described before the exit, moved to the high half after it. */
#ifndef KEEL_BOOT_IMAGE_H
#define KEEL_BOOT_IMAGE_H

#include "boot/boot.h"
#include "kernel/base/status.h"

/* Where we run: the linker's name for the first byte of the PE headers. */
extern uint8_t __ImageBase[];

/*
 * Phase F. Reads the headers and checks all of .reloc, so that nothing can go wrong when it is applied again; fills
 * handoff->image and image_boot. False after a refusal.
 */
bool image_check(struct boot *boot);

/*
 * The run of sections whose names begin with ".boot", as offsets in the image. STATUS_NOT_FOUND: there are none;
 * STATUS_INVALID: another section lies between them, or one of any kind is both writable and executable.
 */
MUST_CHECK enum status image_find_boot(const struct pe_image *image, struct handoff_range *out);

/* What image_relocate adds, and what must be added to a pointer of ours to get its high-half address: see kaslr.h. */
uint64_t image_delta(const struct boot *boot);

/*
 * Applies .reloc for handoff->layout.image. From then on every pointer that the linker put into data is a high one:
 * boot/ may use only what it reaches relative to the instruction pointer, and enters the kernel at once.
 */
void image_relocate(const struct boot *boot);

#endif
