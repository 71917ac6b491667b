/* Lines on the firmware's console: see say.h. */
#include "boot/say.h"

#include "kernel/base/format.h"

/* UEFI's console takes UCS-2 and wants a carriage return (12.4.3). */
static void put_line(struct efi_system_table *system_table, const char *prefix, const char *text)
{
    uint16_t line[SAY_TEXT_BYTES + 32];
    size_t length = 0;
    for (; *prefix != '\0'; prefix++)
        line[length++] = (uint16_t)*prefix;
    for (; *text != '\0'; text++)
        line[length++] = (uint16_t)*text;
    line[length++] = '\r';
    line[length++] = '\n';
    line[length] = 0;
    if (system_table->console_out != NULL)
        system_table->console_out->output_string(system_table->console_out, line);
}

void say(struct efi_system_table *system_table, const char *format, ...)
{
    char text[SAY_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_buffer_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    put_line(system_table, "keel: ", text);
}

bool say_refusal(struct efi_system_table *system_table, const char *format, ...)
{
    char text[SAY_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_buffer_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    put_line(system_table, "keel: cannot start: ", text);
    return false;
}
