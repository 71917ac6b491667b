/* Lines on the firmware's console: see say.h. */
#include "boot/say.h"

#include "kernel/base/format.h"

/* UEFI's console takes UCS-2 and wants a carriage return (12.4.3). */
struct line {
    uint16_t text[SAY_LINE_CHARACTERS + 3];
    size_t length;
};

static void append(void *context, char c)
{
    struct line *line = context;
    if (line->length < SAY_LINE_CHARACTERS)
        line->text[line->length++] = (uint16_t)c;
}

void say_line(struct efi_system_table *system_table, const char *format, ...)
{
    struct line line = {.length = 0};
    va_list arguments;
    va_start(arguments, format);
    format_to(append, &line, format, arguments);
    va_end(arguments);
    line.text[line.length++] = '\r';
    line.text[line.length++] = '\n';
    line.text[line.length] = 0;
    /* No console is normal on a headless server; what output_string returns would change nothing. */
    if (system_table->console_out != NULL)
        system_table->console_out->output_string(system_table->console_out, line.text);
}
