/* Our own image, described. */
#include "kernel/image.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"

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

uint32_t image_id(void)
{
    uint32_t header;
    /* Microsoft, PE Format: where the header is stands at 0x3C; its signature, machine and section count come first. */
    memcpy(&header, __ImageBase + 0x3C, sizeof(header));
    memcpy(&header, __ImageBase + header + 8, sizeof(header));
    return header;
}
