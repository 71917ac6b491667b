/* The names of enum status, for messages. */
#include "kernel/base/status.h"

const char *status_name(enum status status)
{
    /* An array of characters, not of pointers: a pointer in data is a relocation to be applied twice (boot/image.c). */
    static const char names[][16] = {
        [STATUS_OK] = "ok",
        [STATUS_INVALID] = "invalid",
        [STATUS_NO_MEMORY] = "out of memory",
        [STATUS_NOT_FOUND] = "not found",
        [STATUS_LIMIT] = "limit reached",
        [STATUS_TIMEOUT] = "timed out",
        [STATUS_UNSUPPORTED] = "unsupported",
        [STATUS_FAULT] = "fault contained",
        [STATUS_DEVICE] = "device error",
    };
    return (unsigned)status < ARRAY_COUNT(names) ? names[status] : "unknown status";
}
