/* The text format of tests/maps, line by line. See map_file.h. */
#include "tests/unit/map_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 4

struct column {
    const char *name;
    unsigned base;
    uint64_t maximum;
};

static const struct column columns[COLUMNS] = {
    {"type",            10, UINT32_MAX},
    {"physical start",  16, UINT64_MAX},
    {"number of pages", 10, UINT64_MAX},
    {"attribute",       16, UINT64_MAX},
};

struct reader {
    struct map_file *file;
    const char *path;
    unsigned line;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct reader *reader, const char *format, ...)
{
    struct map_file *file = reader->file;
    int length = snprintf(file->error, sizeof(file->error), "%s:%u: ", reader->path, reader->line);
    va_list arguments;
    va_start(arguments, format);
    if (length > 0 && (size_t)length < sizeof(file->error))
        vsnprintf(file->error + length, sizeof(file->error) - (size_t)length, format, arguments);
    va_end(arguments);
    return false;
}

static bool fail_unread(struct reader *reader, const char *reason)
{
    snprintf(reader->file->error, sizeof(reader->file->error), "%s: cannot read: %s", reader->path, reason);
    return false;
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return isxdigit((unsigned char)c) ? (unsigned)(tolower((unsigned char)c) - 'a') + 10 : 99;
}

/* Hexadecimal with or without 0x; the type may be written as 0x70000001 too. */
static bool parse_number(struct reader *reader, const struct column *column, const char *text, uint64_t *value)
{
    unsigned base = column->base;
    const char *digits = text;
    bool prefixed = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (prefixed && (base == 16 || column == &columns[0])) {
        base = 16;
        digits += 2;
    }
    if (*digits == '\0')
        return fail(reader, "%s: '%s' is not a number", column->name, text);
    *value = 0;
    for (; *digits != '\0'; digits++) {
        unsigned digit = digit_value(*digits);
        if (digit >= base)
            return fail(reader, "%s: '%s' is not a %s number", column->name, text,
                        base == 16 ? "hexadecimal" : "decimal");
        if (*value > (column->maximum - digit) / base)
            return fail(reader, "%s: '%s' is too large", column->name, text);
        *value = *value * base + digit;
    }
    return true;
}

static bool parse_line(struct reader *reader, char *text)
{
    uint64_t values[COLUMNS];
    unsigned count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        if (count == COLUMNS)
            return fail(reader, "more than %d columns, beginning with '%s'", COLUMNS, word);
        if (!parse_number(reader, &columns[count], word, &values[count]))
            return false;
        count++;
    }
    if (count < COLUMNS)
        return fail(reader, "%u of %d columns; %s is missing", count, COLUMNS, columns[count].name);

    struct map_file *file = reader->file;
    if (file->count == MEMMAP_DESCRIPTORS_MAX)
        return fail(reader, "more than %u descriptors", MEMMAP_DESCRIPTORS_MAX);
    file->descriptors[file->count++] = (struct efi_memory_descriptor){
        .type = (uint32_t)values[0],
        .physical_start = values[1],
        .number_of_pages = values[2],
        .attribute = values[3],
    };
    return true;
}

static bool is_text(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < ' ' && c != '\t')
            return false;
    }
    return true;
}

static bool read_line(struct reader *reader, char *line, size_t length)
{
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        line[--length] = '\0';
    if (!is_text(line, length))
        return fail(reader, "not a text file");
    if (reader->line == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0)
        line += 3;
    line += strspn(line, " \t");
    if (*line == '\0' || *line == '#')
        return true;
    for (const char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c > '~')
            return fail(reader, "not ASCII");
    }
    return parse_line(reader, line);
}

static bool read_stream(struct reader *reader, FILE *stream)
{
    char *line = NULL;
    size_t capacity = 0;
    bool good = true;
    ssize_t length;
    while (good && (length = getline(&line, &capacity, stream)) >= 0) {
        reader->line++;
        good = read_line(reader, line, (size_t)length);
    }
    free(line);
    if (!good)
        return false;
    if (ferror(stream) != 0)
        return fail_unread(reader, strerror(errno));
    return reader->file->count > 0 ? true : fail(reader, "no descriptor up to the end of the file");
}

bool map_file_read(struct map_file *file, const char *path)
{
    struct reader reader = {.file = file, .path = path};
    file->count = 0;
    file->error[0] = '\0';
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return fail_unread(&reader, strerror(errno));
    bool good = read_stream(&reader, stream);
    fclose(stream);
    return good;
}

void *map_file_pack(const struct map_file *file, uint64_t stride)
{
    uint64_t size_bytes = file->count * stride;
    uint8_t *packed = malloc(size_bytes);
    if (packed == NULL)
        abort();
    memset(packed, 0xA5, size_bytes);
    for (uint32_t i = 0; i < file->count; i++)
        memcpy(packed + i * stride, &file->descriptors[i], sizeof(file->descriptors[i]));
    return packed;
}
