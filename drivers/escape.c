/* Which sequence is which key: escape.h has the list of what is understood. */
#include "drivers/escape.h"

#define BYTE_DELETE 0x7Fu

/* ESC [ A to H, and ESC O the same. */
static const int escape_letters[] = {
    KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT, KEY_NONE, KEY_END, KEY_NONE, KEY_HOME,
};

/* ESC [ 0 ~ to 8 ~. */
static const int escape_numbers[] = {
    KEY_NONE, KEY_HOME, KEY_INSERT, KEY_DELETE, KEY_END, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_HOME, KEY_END,
};

static int escape_key(uint8_t letter, uint32_t number)
{
    if (letter == '~')
        return number < ARRAY_COUNT(escape_numbers) ? escape_numbers[number] : KEY_NONE;
    return letter >= 'A' && letter <= 'H' ? escape_letters[letter - 'A'] : KEY_NONE;
}

int escape_feed(struct escape *escape, uint8_t byte)
{
    /* A terminal may send \r, \n or \r\n for Return: one key each time. */
    bool ends_return = escape->after_return && byte == '\n';
    escape->after_return = byte == '\r';
    switch (sequence_feed(&escape->sequence, byte)) {
    case SEQUENCE_TEXT:
        if (ends_return || byte >= 0x80)
            return KEY_NONE;
        return byte == '\r' ? '\n' : byte == BYTE_DELETE ? '\b' : byte;
    case SEQUENCE_ESCAPE:
        return KEY_ESCAPE;
    case SEQUENCE_END:
        return escape_key(byte, escape->sequence.parameters[0]);
    case SEQUENCE_MORE:
        break;
    }
    return KEY_NONE;
}
