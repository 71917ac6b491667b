/*
 * The formatter: one pass over the format string; numbers are made in a small buffer from the right.
 */
#include "kernel/base/format.h"

#include "kernel/base/string.h"

/* "%[-][0][width][.precision][length]conversion" */
struct specification {
    bool left;
    bool zero;
    unsigned width;
    unsigned precision; /* UINT32_MAX: none */
    unsigned size_bytes; /* of the integer argument: 4 or 8 */
    char conversion;
};

#define DIGITS_MAX 24u /* 20 decimal digits of 2^64 - 1, a sign, "0x" */

struct output {
    format_sink *sink;
    void *context;
};

static void emit(struct output *output, char c)
{
    output->sink(output->context, c);
}

static void emit_repeated(struct output *output, char c, unsigned count)
{
    while (count-- > 0)
        emit(output, c);
}

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
    *specification = (struct specification){.precision = UINT32_MAX, .size_bytes = 4};
    for (; *text == '-' || *text == '0'; text++) {
        if (*text == '-')
            specification->left = true;
        else
            specification->zero = true;
    }
    text = parse_number(text, &specification->width);
    if (*text == '.')
        text = parse_number(text + 1, &specification->precision);
    if (*text == 'z') {
        specification->size_bytes = 8;
        text++;
    } else if (text[0] == 'l' && text[1] == 'l') {
        specification->size_bytes = 8;
        text += 2;
    }
    specification->conversion = *text;
    return *text == '\0' ? text : text + 1;
}

static void emit_text(struct output *output, const struct specification *specification, const char *text)
{
    size_t length = 0;
    while (length < specification->precision && text[length] != '\0')
        length++;
    unsigned padding = specification->width > length ? specification->width - (unsigned)length : 0;
    if (!specification->left)
        emit_repeated(output, ' ', padding);
    for (size_t i = 0; i < length; i++)
        emit(output, text[i]);
    if (specification->left)
        emit_repeated(output, ' ', padding);
}

/* `prefix` is "", "-" or "0x": zeros go between it and the digits, blanks before it. */
static void emit_number(struct output *output, const struct specification *specification, uint64_t value, unsigned base,
                        const char *prefix)
{
    char digits[DIGITS_MAX];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);

    unsigned length = count + (unsigned)strlen(prefix);
    unsigned padding = specification->width > length ? specification->width - length : 0;
    bool zeros = specification->zero && !specification->left;
    if (!zeros && !specification->left)
        emit_repeated(output, ' ', padding);
    while (*prefix != '\0')
        emit(output, *prefix++);
    if (zeros)
        emit_repeated(output, '0', padding);
    while (count > 0)
        emit(output, digits[--count]);
    if (specification->left)
        emit_repeated(output, ' ', padding);
}

static void emit_signed(struct output *output, const struct specification *specification, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    emit_number(output, specification, magnitude, 10, value < 0 ? "-" : "");
}

/* A va_list is an array type in some ABIs; wrapped in a struct it can be handed on and advanced. */
struct arguments {
    va_list list;
};

static void emit_conversion(struct output *output, const struct specification *specification,
                            struct arguments *arguments)
{
    bool wide = specification->size_bytes == 8;
    switch (specification->conversion) {
    case 'c':
        emit(output, (char)va_arg(arguments->list, int));
        break;
    case 's': {
        const char *text = va_arg(arguments->list, const char *);
        emit_text(output, specification, text != NULL ? text : "(null)");
        break;
    }
    case 'd':
        emit_signed(output, specification, wide ? va_arg(arguments->list, int64_t) : va_arg(arguments->list, int));
        break;
    case 'u':
    case 'x': {
        uint64_t value = wide ? va_arg(arguments->list, uint64_t) : va_arg(arguments->list, unsigned);
        emit_number(output, specification, value, specification->conversion == 'x' ? 16 : 10, "");
        break;
    }
    case 'p':
        emit_number(output, specification, (uint64_t)(uintptr_t)va_arg(arguments->list, void *), 16, "0x");
        break;
    case '%':
        emit(output, '%');
        break;
    default:
        emit(output, '%');
        if (specification->conversion != '\0')
            emit(output, specification->conversion);
        break;
    }
}

void format_to(format_sink *sink, void *context, const char *format, va_list list)
{
    struct output output = {sink, context};
    struct arguments arguments;
    va_copy(arguments.list, list);
    while (*format != '\0') {
        if (*format != '%') {
            emit(&output, *format++);
            continue;
        }
        struct specification specification;
        format = parse_specification(format + 1, &specification);
        emit_conversion(&output, &specification, &arguments);
    }
    va_end(arguments.list);
}

struct buffer {
    char *text;
    size_t capacity;
    size_t length; /* of the whole text, stored or not */
};

static void buffer_sink(void *context, char c)
{
    struct buffer *buffer = context;
    if (buffer->length + 1 < buffer->capacity)
        buffer->text[buffer->length] = c;
    buffer->length++;
}

size_t format_buffer_v(char *text, size_t capacity, const char *format, va_list arguments)
{
    struct buffer buffer = {text, capacity, 0};
    format_to(buffer_sink, &buffer, format, arguments);
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
