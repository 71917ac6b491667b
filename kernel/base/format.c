/*
 * The formatter: one pass over the format string; numbers are made in a small buffer from the right and then go out as
 * text does.
 *
 * Owns: nothing. Every character goes to the caller's sink at once, so a line has no length limit here, and the same
 * code fills a buffer, feeds the console's devices and, in boot/, the firmware's UCS-2 console.
 * Rules: no allocation, no state, no recursion: it must work inside a panic. A conversion that is unknown prints itself
 * and takes no argument, so that a mistake in a message shows and corrupts nothing.
 */
#include "kernel/base/format.h"

#include "kernel/base/string.h"

/*
 *     "%-08.3llx"      - left   0 zero   8 width   .3 precision   ll or z wide   x conversion
 *
 * The subset of C's that the kernel uses: no '+', ' ' or '#', no '*', no floating point (the kernel has no FPU state),
 * no plain "l", whose size differs between the PE and the host.
 */
struct specification {
    bool left;
    bool zero;
    bool wide; /* the integer argument has 8 bytes, not 4 */
    unsigned width;
    unsigned precision; /* of text; UINT32_MAX: none */
    char conversion;
};

#define DIGITS_MAX 20u /* of 2^64 - 1 in base 10 */

struct output {
    format_sink *sink;
    void *context;
    va_list arguments; /* inside a struct it can be handed on and advanced: in some ABIs it is an array */
};

static void emit(struct output *output, char c)
{
    output->sink(output->context, c);
}

/* Overflow is not looked for: formats are constants of ours, which the compiler checks (format(printf, ...)). */
static const char *parse_number(const char *text, unsigned *number)
{
    *number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        *number = *number * 10 + (unsigned)(*text - '0');
    return text;
}

/* `text` stands behind the '%'. Returns what follows the conversion character. */
static const char *parse_specification(const char *text, struct specification *specification)
{
    *specification = (struct specification){.precision = UINT32_MAX};
    for (; *text == '-' || *text == '0'; text++) {
        specification->left |= *text == '-';
        specification->zero |= *text == '0';
    }
    text = parse_number(text, &specification->width);
    if (*text == '.')
        text = parse_number(text + 1, &specification->precision);
    specification->wide = *text == 'z' || (text[0] == 'l' && text[1] == 'l');
    if (specification->wide)
        text += *text == 'z' ? 1 : 2;
    specification->conversion = *text;
    return *text == '\0' ? text : text + 1; /* a '%' at the end of the format */
}

/* Blanks, the sign, zeros, the text, blanks: as many of each as the width asks for. `sign` is "" or "-". */
static void emit_field(struct output *output, const struct specification *specification, bool zeros, const char *sign,
                       const char *text, size_t length)
{
    size_t used = length + strlen(sign);
    size_t padding = specification->width > used ? specification->width - used : 0;
    /* At most one of the three padding loops finds anything to do. */
    for (; padding > 0 && !zeros && !specification->left; padding--)
        emit(output, ' ');
    while (*sign != '\0')
        emit(output, *sign++);
    for (; padding > 0 && !specification->left; padding--)
        emit(output, '0');
    while (length-- > 0)
        emit(output, *text++);
    for (; padding > 0; padding--)
        emit(output, ' ');
}

static void emit_text(struct output *output, const struct specification *specification, const char *text)
{
    size_t length = 0;
    if (text == NULL)
        text = "(null)";
    /* The precision first: "%.4s" may be given text without an end, such as an ACPI signature. */
    while (length < specification->precision && text[length] != '\0')
        length++;
    emit_field(output, specification, false, "", text, length);
}

static void emit_number(struct output *output, const struct specification *specification, uint64_t value,
                        unsigned base, const char *sign)
{
    char digits[DIGITS_MAX];
    char *first = digits + DIGITS_MAX;
    do {
        *--first = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    emit_field(output, specification, specification->zero, sign, first, (size_t)(digits + DIGITS_MAX - first));
}

static void emit_conversion(struct output *output, const struct specification *specification)
{
    bool wide = specification->wide;
    char conversion = specification->conversion;
    switch (conversion) {
    case 'c':
        /* A char arrives as an int: C's default argument promotions (C17, 6.5.2.2). */
        emit(output, (char)va_arg(output->arguments, int));
        break;
    case 's':
        emit_text(output, specification, va_arg(output->arguments, const char *));
        break;
    case 'd': {
        int64_t value = wide ? va_arg(output->arguments, int64_t) : va_arg(output->arguments, int);
        /* Negated as unsigned: -INT64_MIN is no int64_t. */
        uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        emit_number(output, specification, magnitude, 10, value < 0 ? "-" : "");
        break;
    }
    case 'u':
    case 'x': {
        uint64_t value = wide ? va_arg(output->arguments, uint64_t) : va_arg(output->arguments, unsigned);
        emit_number(output, specification, value, conversion == 'x' ? 16 : 10, "");
        break;
    }
    default:
        emit(output, '%');
        if (conversion != '%' && conversion != '\0')
            emit(output, conversion);
        break;
    }
}

void format_to(format_sink *sink, void *context, const char *format, va_list arguments)
{
    struct output output = {.sink = sink, .context = context};
    /* A copy, because the caller's va_list may be used once more, and a parameter of array type cannot be assigned. */
    va_copy(output.arguments, arguments);
    while (*format != '\0') {
        struct specification specification;
        if (*format != '%') {
            emit(&output, *format++);
            continue;
        }
        format = parse_specification(format + 1, &specification);
        emit_conversion(&output, &specification);
    }
    va_end(output.arguments);
}

struct buffer {
    char *text;
    size_t capacity;
    size_t length; /* of the whole text, stored or not */
};

static void buffer_sink(void *context, char c)
{
    struct buffer *buffer = context;
    /* Counts on when the buffer is full: the caller learns how long the text would have been, as snprintf's does. */
    if (buffer->length + 1 < buffer->capacity)
        buffer->text[buffer->length] = c;
    buffer->length++;
}

size_t format_buffer_v(char *text, size_t capacity, const char *format, va_list arguments)
{
    struct buffer buffer = {text, capacity, 0};
    format_to(buffer_sink, &buffer, format, arguments);
    /* Always ends in a terminator, in the last byte if the text was cut. */
    if (capacity > 0)
        text[buffer.length < capacity ? buffer.length : capacity - 1] = '\0';
    return buffer.length;
}

size_t format_buffer(char *text, size_t capacity, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_buffer_v(text, capacity, format, arguments);
    va_end(arguments);
    return length;
}
