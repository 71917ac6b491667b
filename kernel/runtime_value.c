/*
 * Checks and conversions of runtime services' values.
 *
 * Nothing that firmware returns is printed or counted with before it has been through here: clocks say February 30th,
 * names lack their end, and statuses come out of thin air.
 */
#include "kernel/runtime_value.h"

#include "kernel/base/format.h"

/* `month` is 1 to 12. */
static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

bool runtime_value_time_valid(const struct efi_time *time)
{
    return time->year >= 1900 && time->year <= 9999 && time->month >= 1 && time->month <= 12 && time->day >= 1 &&
           time->day <= days_in_month(time->year, time->month) && time->hour <= 23 && time->minute <= 59 &&
           time->second <= 59 && time->nanosecond <= 999999999 &&
           (time->timezone == EFI_UNSPECIFIED_TIMEZONE || (time->timezone >= -1440 && time->timezone <= 1440));
}

void runtime_value_text(char *text, size_t capacity, const uint16_t *name, size_t name_chars)
{
    size_t length = 0;
    for (; length < capacity - 1 && length < name_chars && name[length] != 0; length++)
        text[length] = name[length] >= ' ' && name[length] < 0x7F ? (char)name[length] : '?';
    text[length] = '\0';
}

enum status runtime_value_name(uint16_t *name, size_t name_chars, const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0'; length++) {
        if (text[length] <= ' ' || text[length] >= 0x7F)
            return STATUS_INVALID;
        if (length + 1 >= name_chars)
            return STATUS_LIMIT;
        name[length] = (uint16_t)text[length];
    }
    if (length == 0)
        return STATUS_INVALID;
    name[length] = 0;
    return STATUS_OK;
}

void runtime_value_guid(char text[RUNTIME_VALUE_GUID_BYTES], const struct efi_guid *guid)
{
    const uint8_t *tail = guid->data4;
    format_buffer(text, RUNTIME_VALUE_GUID_BYTES, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", guid->data1,
                  guid->data2, guid->data3, tail[0], tail[1], tail[2], tail[3], tail[4], tail[5], tail[6], tail[7]);
}

enum status runtime_value_status(efi_status status)
{
    static const struct {
        efi_status from;
        enum status to;
    } meanings[] = {
        {EFI_SUCCESS,           STATUS_OK         },
        {EFI_INVALID_PARAMETER, STATUS_INVALID    },
        {EFI_UNSUPPORTED,       STATUS_UNSUPPORTED},
        {EFI_BUFFER_TOO_SMALL,  STATUS_LIMIT      },
        {EFI_OUT_OF_RESOURCES,  STATUS_NO_MEMORY  },
        {EFI_NOT_FOUND,         STATUS_NOT_FOUND  },
    };
    for (size_t i = 0; i < ARRAY_COUNT(meanings); i++)
        if (meanings[i].from == status)
            return meanings[i].to;
    return STATUS_DEVICE; /* the rest differ in nothing that a caller could do */
}
