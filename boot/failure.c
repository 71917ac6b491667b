/* The colour bar and the serial line: see failure.h. */
#include "boot/failure.h"

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
#define PIXEL_BYTES       4u

#define FAILURE_LINE_BYTES 160u

static struct handoff_screen failure_screen;

static const char *failure_text(enum failure failure)
{
    switch (failure) {
    case FAILURE_EXIT_NEVER_AGREED:
        return "ExitBootServices took none of the memory-map keys";
    case FAILURE_EXIT_ERROR:
        return "ExitBootServices failed, and not for a stale key";
    case FAILURE_EXIT_NO_MAP:
        return "no memory map after a failed ExitBootServices";
    case FAILURE_PAGE_TABLES:
        return "the first page tables could not be built";
    case FAILURE_FAULT:
        return "a fault between firmware and kernel";
    }
    return "unknown";
}

bool failure_use_screen(const struct handoff_screen *screen, const struct firmware_map *map)
{
    uint64_t size_bytes = (uint64_t)screen->pitch_pixels * screen->height_pixels * PIXEL_BYTES;
    if (screen->format == HANDOFF_PIXEL_NONE || screen->width_pixels > screen->pitch_pixels)
        return false;
    if (size_bytes == 0 || size_bytes > screen->size_bytes || screen->base > UINT64_MAX - size_bytes)
        return false;
    if (firmware_map_overlaps_ram(map, PRANGE(screen->base, screen->base + size_bytes)))
        return false;
    failure_screen = *screen;
    return true;
}

/* Red in each of the pixel layouts: GOP's 32-bit pixels, or the mask (UEFI 12.9.2). */
static uint32_t red(void)
{
    if (failure_screen.format == HANDOFF_PIXEL_MASKS)
        return failure_screen.red_mask;
    return failure_screen.format == HANDOFF_PIXEL_RGBX ? 0x000000FFu : 0x00FF0000u;
}

static void draw_bar(uint32_t code)
{
    uint32_t *row = (uint32_t *)(uintptr_t)failure_screen.base;
    for (uint32_t y = 0; y < BAR_HEIGHT_PIXELS && y < failure_screen.height_pixels; y++) {
        for (uint32_t x = 0; x < failure_screen.width_pixels; x++) {
            uint64_t block = (uint64_t)x * BAR_BLOCKS / failure_screen.width_pixels;
            bool one = (code >> (BAR_BLOCKS - 1 - block) & 1) != 0;
            ((volatile uint32_t *)row)[x] = one ? BAR_WHITE : red();
        }
        row += failure_screen.pitch_pixels;
    }
}

/* False: the port is stuck, and the rest of the line need not be tried. */
static bool put_serial(char c)
{
    for (uint32_t poll = 0; poll < SERIAL_POLLS_MAX; poll++) {
        if ((instruction_in8(SERIAL_LINE_STATUS) & SERIAL_TRANSMITTER_EMPTY) != 0) {
            instruction_out8(SERIAL_PORT, (uint8_t)c);
            return true;
        }
    }
    return false;
}

static void put_line(const char *line)
{
    if (instruction_in8(SERIAL_LINE_STATUS) == SERIAL_ABSENT)
        return;
    while (*line != '\0' && put_serial(*line))
        line++;
}

NORETURN void failure_halt(enum failure failure, uint64_t first, uint64_t second)
{
    instruction_interrupts_disable();
    char line[FAILURE_LINE_BYTES];
    format_buffer(line, sizeof(line), "\r\nkeel: failure %u: %s (0x%llx, 0x%llx)\r\n", (unsigned)failure,
                  failure_text(failure), (unsigned long long)first, (unsigned long long)second);
    put_line(line);
    draw_bar((uint32_t)failure);
    instruction_halt();
}
