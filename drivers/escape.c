/* A state machine over bytes: escape.h has the list of what is understood. */
#include "drivers/escape.h"

#define BYTE_ESCAPE   0x1Bu
#define BYTE_DELETE   0x7Fu
#define PARAMETER_MAX 99u

/* Final bytes of ESC [ and ESC O sequences. */
static int escape_letter(uint8_t byte)
{
    switch (byte) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return KEY_RIGHT;
    case 'D':
        return KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    case 'P':
    case 'Q':
    case 'R':
    case 'S':
        return KEY_F1 + (byte - 'P');
    default:
        return KEY_NONE;
    }
}

/* The n of ESC [ n ~. */
static int escape_number(uint32_t number)
{
    static const int keys[] = {
        [1] = KEY_HOME,      [2] = KEY_INSERT,  [3] = KEY_DELETE,  [4] = KEY_END,      [5] = KEY_PAGE_UP,
        [6] = KEY_PAGE_DOWN, [7] = KEY_HOME,    [8] = KEY_END,     [11] = KEY_F1,      [12] = KEY_F1 + 1,
        [13] = KEY_F1 + 2,   [14] = KEY_F1 + 3, [15] = KEY_F1 + 4, [17] = KEY_F1 + 5,  [18] = KEY_F1 + 6,
        [19] = KEY_F1 + 7,   [20] = KEY_F1 + 8, [21] = KEY_F1 + 9, [23] = KEY_F1 + 10, [24] = KEY_F12,
    };
    return number < ARRAY_COUNT(keys) ? keys[number] : KEY_NONE;
}

static int escape_control(struct escape *escape, uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        uint32_t value = escape->parameter * 10 + (byte - '0');
        escape->parameter = value < PARAMETER_MAX ? value : PARAMETER_MAX;
        return KEY_NONE;
    }
    if (byte < 0x40)
        return KEY_NONE; /* ';' and intermediate bytes */
    escape->state = ESCAPE_TEXT;
    return byte == '~' ? escape_number(escape->parameter) : escape_letter(byte);
}

static int escape_text(struct escape *escape, uint8_t byte)
{
    bool ends_return = escape->after_return && byte == '\n';
    escape->after_return = byte == '\r';
    if (ends_return || byte >= 0x80)
        return KEY_NONE;
    if (byte == BYTE_ESCAPE) {
        escape->state = ESCAPE_STARTED;
        return KEY_NONE;
    }
    return byte == '\r' ? '\n' : byte == BYTE_DELETE ? '\b' : byte;
}

int escape_feed(struct escape *escape, uint8_t byte)
{
    switch (escape->state) {
    case ESCAPE_TEXT:
        return escape_text(escape, byte);
    case ESCAPE_STARTED:
        escape->parameter = 0;
        if (byte == BYTE_ESCAPE)
            return KEY_ESCAPE; /* pressed twice */
        escape->state = byte == '[' ? ESCAPE_CONTROL : byte == 'O' ? ESCAPE_SINGLE : ESCAPE_TEXT;
        return KEY_NONE;
    case ESCAPE_CONTROL:
        return escape_control(escape, byte);
    case ESCAPE_SINGLE:
        escape->state = ESCAPE_TEXT;
        return escape_letter(byte);
    }
    return KEY_NONE;
}
