/*
 * From the hand-off's screen to a console: see display.h.
 *
 * A frame buffer that is mapped uncached takes one bus write for each store, and 4K screens scroll for seconds; mapped
 * write-combining, 64 bytes at a time. Which it is, two sides decide: the page-table entry through the PAT, and the
 * MTRRs that firmware set for those addresses (SDM 3, table 12-7). WC in the PAT wins over every type of the MTRRs, so
 * ours alone has to be right, and is what `screen` reads back.
 */
#include "kernel/display.h"

#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/options.h"

static struct {
    struct screen_mode mode; /* pixels NULL: no screen */
    const struct font_file *font;
    struct prange range;
} display;

void display_mark(enum mark mark)
{
    const struct handoff_screen *screen = &memory_handoff()->screen;
    if (screen->marked != 0)
        mark_draw(vaddr_pointer(VADDR(screen->base)), screen->width_pixels, screen->height_pixels, screen->pitch_pixels,
                  mark);
}

static struct screen_mode mode_of(const struct handoff_screen *from)
{
    static const uint32_t masks[][3] = {
        [HANDOFF_PIXEL_RGBX] = SCREEN_MASKS_RGBX, [HANDOFF_PIXEL_BGRX] = SCREEN_MASKS_BGRX};
    const uint32_t told[3] = {from->red_mask, from->green_mask, from->blue_mask};
    /* The bytes that are drawn on, which a large FrameBufferSize may exceed by far. */
    uint64_t drawn_bytes = (uint64_t)from->pitch_pixels * from->height_pixels * sizeof(uint32_t);
    struct screen_mode mode = {
        .size_bytes = min_u64(from->size_bytes, drawn_bytes),
        .width_pixels = from->width_pixels,
        .height_pixels = from->height_pixels,
        .pitch_pixels = from->pitch_pixels,
    };
    memcpy(mode.masks, from->format == HANDOFF_PIXEL_MASKS ? told : masks[from->format], sizeof(mode.masks));
    return mode;
}

static enum status attach(const struct handoff_screen *from)
{
    struct screen_mode mode = mode_of(from);
    /* A base that firmware got wrong must not make us draw on memory (firmware-quirk 66). */
    if (!memory_range(from->base, mode.size_bytes, &display.range) || memory_overlaps_ram(display.range))
        return STATUS_INVALID;
    display.font = font_find(options_current()->font);
    if (display.font == NULL)
        display.font = font_for(mode.width_pixels, mode.height_pixels);
    uint64_t memory_bytes;
    enum status status = console_screen_bytes(&mode, display.font, &memory_bytes);
    if (status != STATUS_OK)
        return status;
    unsigned order = 0;
    while (PAGE_SIZE << order < memory_bytes)
        order++;
    /* Frames, not the heap: it is hundreds of KiB, and for ever. All of the block is used: the rest is history. */
    struct paddr memory = frame_alloc(memory_cache(), order);
    mode.pixels = vspace_map_device(&kernel_mm.vspace, display.range, PAGING_WRITE_COMBINING);
    if (memory.value == 0 || mode.pixels == NULL)
        return STATUS_NO_MEMORY;
    mark_draw(mode.pixels, mode.width_pixels, mode.height_pixels, mode.pitch_pixels, MARK_SCREEN);
    status = console_attach_screen(&mode, mm_pointer(&kernel_mm, memory), PAGE_SIZE << order);
    if (status == STATUS_OK)
        display.mode = mode;
    return status;
}

/* boot/graphics.c took the word before the kernel could complain of it. */
static void check_wish(const struct handoff_screen *screen)
{
    char size[OPTIONS_NAME_BYTES];
    const char *wished = options_current()->mode;
    format_buffer(size, sizeof(size), "%ux%u", screen->width_pixels, screen->height_pixels);
    if (*wished != '\0' && strcmp(wished, size) != 0)
        log_warn("screen: mode=%s cannot be had, it is %s", wished, size);
}

void display_start(void)
{
    const struct handoff_screen *screen = &memory_handoff()->screen;
    if (screen->format == HANDOFF_PIXEL_NONE) {
        log_info("screen: the firmware has no frame buffer");
        return;
    }
    enum status status = attach(screen);
    check_wish(screen);
    if (status != STATUS_OK)
        log_warn("screen: frame buffer at 0x%llx, %ux%u, pitch %u: %s", screen->base, screen->width_pixels,
                 screen->height_pixels, screen->pitch_pixels, status_name(status));
}

struct prange display_range(void)
{
    return display.mode.pixels != NULL ? display.range : PRANGE(0, 0);
}

void command_screen(void)
{
    const struct screen_mode *mode = &display.mode;
    if (mode->pixels == NULL) {
        print("screen: none\n");
        return;
    }
    struct paging_entry entry;
    bool mapped = paging_lookup(&kernel_mm.kernel_map, vaddr_of(mode->pixels), &entry);
    bool combining = mapped && (entry.flags & PAGING_WRITE_COMBINING) != 0;
    print("mode: %ux%u, pitch %u, masks %08x %08x %08x\n", mode->width_pixels, mode->height_pixels, mode->pitch_pixels,
          mode->masks[0], mode->masks[1], mode->masks[2]);
    print("font: %s, %u columns, %u rows\n", display.font->name, mode->width_pixels / display.font->start[0],
          mode->height_pixels / display.font->start[1]);
    print("frame buffer: [0x%llx, 0x%llx), %llu bytes painted since the start\n", display.range.start.value,
          display.range.end.value, console_painted_pixels() * sizeof(uint32_t));
    print("cache: %s\n", combining ? "write-combining" : "SLOW: not write-combining");
}
