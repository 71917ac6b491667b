/* Our own image, described. */
#include "kernel/image.h"

#include "kernel/base/check.h"

static struct pe_image pe;

void image_init(void)
{
    /* The headers lie in the first page, which holds SizeOfImage; pe_describe reads nothing beyond it. */
    CHECK(pe_describe(__ImageBase, UINT32_MAX, &pe) == STATUS_OK);
}

const struct pe_image *image_pe(void)
{
    return &pe;
}
