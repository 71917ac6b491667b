/*
 * The colour bar and the serial line: see failure.h.
 *
 *       0         1         2         3         4         5         6         7        code 5 is 00000101:
 *       +---------+---------+---------+---------+---------+---------+---------+---------+
 *       |   red   |   red   |   red   |   red   |   red   |  white  |   red   |  white  |   32 pixels high
 *       +---------+---------+---------+---------+---------+---------+---------+---------+
 *
 * Rules: there may be no console, no interrupt, no valid stack but this one, and no memory beyond boot/'s own. Nothing
 * here is called that could fail; the screen's geometry was checked while there was still somebody to tell.
 */
#include "boot/failure.h"

#include "boot/fault.h"
#include "boot/instruction.h"
#include "kernel/base/format.h"

/* The first serial port, as the firmware left it. Registers and bits: PC16550D data sheet, section 8, table II. */
#define SERIAL_PORT              0x3F8u
#define SERIAL_LINE_STATUS       (SERIAL_PORT + 5)
#define SERIAL_TRANSMITTER_EMPTY 0x20u
#define SERIAL_ABSENT            0xFFu    /* an empty bus reads all ones */
#define SERIAL_POLLS_MAX         200000u  /* a character at 1200 baud takes 8 ms; a port read about a microsecond */

#define BAR_BLOCKS        8u
#define BAR_HEIGHT_PIXELS 32u
#define BAR_WHITE         0xFFFFFFFFu

#define FAILURE_LINE_BYTES 160u

static struct handoff_screen failure_screen;
static bool drawing;

/* Arrays, which go with boot/, not literals, which would stay in .rdata. */
static const char failure_texts[][52] = {
    [FAILURE_EXIT_NEVER_AGREED] = "ExitBootServices took none of the memory-map keys",
    [FAILURE_EXIT_ERROR] = "ExitBootServices failed, and not for a stale key",
    [FAILURE_EXIT_NO_MAP] = "no memory map after a failed ExitBootServices",
    [FAILURE_PAGE_TABLES] = "the first page tables could not be built",
    [FAILURE_FAULT] = "a fault between firmware and kernel",
};
static const char failure_format[] = "\r\nkeel: failure %u: %s (0x%llx, 0x%llx)\r\n";
static const char virtual_map_text[] = "\r\nkeel: calling SetVirtualAddressMap\r\n";

bool failure_use_screen(const struct handoff_screen *screen, const struct firmware_map *map)
{
    /*
     * GOP's numbers are input: firmware without a cable plugged in says base 0 or sizes that reach into RAM
     * (firmware-quirk 66).
     */
    uint64_t size_bytes = (uint64_t)screen->pitch_pixels * screen->height_pixels * sizeof(uint32_t);
    bool sound = screen->format != HANDOFF_PIXEL_NONE && screen->width_pixels <= screen->pitch_pixels &&
                 size_bytes != 0 && size_bytes <= screen->size_bytes && screen->base <= UINT64_MAX - size_bytes;
    if (!sound || firmware_map_overlaps_ram(map, PRANGE(screen->base, screen->base + size_bytes)))
        return false;
    failure_screen = *screen;
    drawing = false;
    return true;
}

/* A frame buffer that our tables do not map faults when it is drawn on, and the fault may come back here: once only. */
static bool begin_drawing(void)
{
    bool first = failure_screen.format != HANDOFF_PIXEL_NONE && !drawing;
    drawing = true;
    return first;
}

static void draw_bar(uint32_t code)
{
    if (!begin_drawing())
        return;

    /* Red in each of the pixel layouts: GOP's 32-bit pixels, or the mask (UEFI 12.9.2). */
    const uint32_t reds[] = {[HANDOFF_PIXEL_RGBX] = 0x000000FF, [HANDOFF_PIXEL_BGRX] = 0x00FF0000,
                             [HANDOFF_PIXEL_MASKS] = failure_screen.red_mask};
    /*
     * Volatile, and written straight: the compiler must not think that nobody reads it. UC or WC does not matter here.
     */
    volatile uint32_t *row = (volatile uint32_t *)(uintptr_t)failure_screen.base;
    for (uint32_t y = 0; y < BAR_HEIGHT_PIXELS && y < failure_screen.height_pixels; y++) {
        uint32_t x = 0;
        for (uint32_t block = 0; block < BAR_BLOCKS; block++) {
            uint32_t colour = (code >> (BAR_BLOCKS - 1 - block) & 1) != 0 ? BAR_WHITE : reds[failure_screen.format];
            /* By proportion, so that eight blocks fill a screen of any width. */
            uint64_t end = ((block + 1) * (uint64_t)failure_screen.width_pixels + BAR_BLOCKS - 1) / BAR_BLOCKS;
            while (x < end)
                row[x++] = colour;
        }
        row += failure_screen.pitch_pixels;
    }
}

/* A port that is stuck gets no more of the line. */
static void put_serial(const char *line)
{
    if (instruction_in8(SERIAL_LINE_STATUS) == SERIAL_ABSENT)
        return;
    for (uint32_t polls = 0; *line != '\0' && polls < SERIAL_POLLS_MAX; polls++) {
        if ((instruction_in8(SERIAL_LINE_STATUS) & SERIAL_TRANSMITTER_EMPTY) != 0) {
            instruction_out8(SERIAL_PORT, (uint8_t)*line++);
            polls = 0;
        }
    }
}

void EFIAPI failure_mark(uint64_t mark)
{
    if (mark == MARK_VIRTUAL_MAP)
        put_serial(virtual_map_text);
    if (!begin_drawing())
        return;
    mark_draw((uint32_t *)(uintptr_t)failure_screen.base, failure_screen.width_pixels, failure_screen.height_pixels,
              failure_screen.pitch_pixels, (enum mark)mark);
    drawing = false; /* what comes later is drawn too, unless this faulted */
}

bool failure_mark_contained(enum mark mark)
{
    struct fault_call call = {.function = (uint64_t)(uintptr_t)failure_mark, .arguments = {(uint64_t)mark}};
    return fault_contain(&call) && !drawing;
}

NORETURN void failure_halt(enum failure failure, uint64_t first, uint64_t second)
{
    char line[FAILURE_LINE_BYTES];
    /*
     * Serial first, then the screen: a frame buffer that is not there after all may fault, and the line is out by then.
     */
    instruction_interrupts_disable();
    format_buffer(line, sizeof(line), failure_format, (unsigned)failure, failure_texts[failure],
                  (unsigned long long)first, (unsigned long long)second);
    put_serial(line);
    draw_bar((uint32_t)failure);
    instruction_halt();
}
