/* Lines on the serial port: see serial.h. */
#include "tests/firmware/serial.h"

#include "kernel/base/format.h"
#include "tests/firmware/instruction.h"

/* PC16550D data sheet, section 8, table II. */
#define PORT              0x3F8u
#define LINE_STATUS       (PORT + 5)
#define TRANSMITTER_EMPTY 0x20u
#define POLLS_MAX         200000u

#define LINE_BYTES 240u

void serial_put(const char *text)
{
    for (; *text != '\0'; text++) {
        for (uint32_t poll = 0; poll < POLLS_MAX; poll++) {
            if ((instruction_in8(LINE_STATUS) & TRANSMITTER_EMPTY) != 0)
                break;
        }
        instruction_out8(PORT, (uint8_t)*text);
    }
}

void serial_say(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_buffer_v(line, sizeof(line), format, arguments);
    va_end(arguments);
    serial_put("\r\nadversary: "); /* on a line of its own, whatever the kernel or the firmware had begun to write */
    serial_put(line);
    serial_put("\r\n");
}
