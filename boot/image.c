/*
 * Describing and moving ourselves: see image.h. The reading is kernel/base/pe.c's.
 *
 *     linked at   0xFFFFFFFF80000000   IMAGE_WINDOW: no firmware can load an image there, so it relocates it, ...
 *     loaded at   e.g.    0x1D5E1000   ... applying .reloc once; we run here in phases F and N, mapped 1:1
 *     then   e.g. 0xFFFFFFFF9A3C5000   and phase N applies .reloc again, by the difference: the kernel runs there
 *
 *     headers | .text .rdata .data .pdata | .boot .bootd .bootr .bootz | .ksyms .sbat .reloc
 *                                        one run of sections, which phase R gives back as a whole
 *
 * .reloc is needed in memory, so the build takes the mark "discardable" off it: firmware loads such sections all the
 * same, shim leaves them out (it skips IMAGE_SCN_MEM_DISCARDABLE). image_check refuses an image that came without.
 */
#include "boot/image.h"

#include "boot/say.h"
#include "kernel/base/string.h"

/* The headers are our own linker's; the bound only stops a damaged SizeOfImage. */
#define IMAGE_BYTES_MAX (16 * MIB)

/*
 * Data that the loader must have relocated: it then says where we run. Volatile, or the compiler folds the check away.
 */
static const uint8_t *const volatile image_anchor = __ImageBase;

enum status image_find_boot(const struct pe_image *image, struct handoff_range *out)
{
    static const char prefix[] = ".boot";
    *out = (struct handoff_range){0, 0};
    for (uint32_t i = 0; i < image->section_count; i++) {
        const struct pe_section *section = &image->sections[i];
        /* W^X is a property of the image before it is one of the page tables: a linker option could break it. */
        if (section->writable && section->executable)
            return STATUS_INVALID;
        if (strncmp(section->name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        if (out->size_bytes == 0)
            out->start = section->rva;
        /* One run, or reclaim would free a section of the kernel's that the linker put in between. */
        if (section->rva != out->start + out->size_bytes)
            return STATUS_INVALID;
        out->size_bytes += section->size_bytes;
    }
    return out->size_bytes == 0 ? STATUS_NOT_FOUND : STATUS_OK;
}

bool image_check(struct boot *boot)
{
    uint64_t base = (uint64_t)(uintptr_t)__ImageBase;
    if (image_anchor != __ImageBase)
        return say_refusal(boot->system_table, "the firmware did not relocate the image to where it loaded it");
    /* SectionAlignment is 4 KiB; firmware that ignores it cannot be mapped a section at a time. */
    if ((base & PAGE_MASK) != 0)
        return say_refusal(boot->system_table, "the firmware loaded the image at 0x%llx, not at a page",
                           (unsigned long long)base);
    enum status status = pe_describe(__ImageBase, IMAGE_BYTES_MAX, &boot->image);
    if (status != STATUS_OK)
        return say_refusal(boot->system_table, "the image's PE headers: %s", status_name(status));
    status = pe_relocate(__ImageBase, &boot->image, 0);
    if (status != STATUS_OK)
        return say_refusal(boot->system_table, "the image's relocations: %s", status_name(status));
    status = image_find_boot(&boot->image, &boot->handoff->image_boot);
    if (status != STATUS_OK)
        return say_refusal(boot->system_table, "the image's .boot sections: %s", status_name(status));
    boot->handoff->image = (struct handoff_range){base, boot->image.size_bytes};
    boot->handoff->image_boot.start += base;
    return true;
}

uint64_t image_delta(const struct boot *boot)
{
    return boot->handoff->layout.image - (uint64_t)(uintptr_t)__ImageBase;
}

void image_relocate(const struct boot *boot)
{
    (void)pe_relocate(__ImageBase, &boot->image, image_delta(boot)); /* image_check has asked */
}
