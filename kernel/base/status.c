/* The names of enum status, for messages. */
#include "kernel/base/status.h"

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_NO_MEMORY:
        return "out of memory";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_LIMIT:
        return "limit reached";
    case STATUS_TIMEOUT:
        return "timed out";
    case STATUS_UNSUPPORTED:
        return "unsupported";
    case STATUS_FAULT:
        return "fault contained";
    case STATUS_DEVICE:
        return "device error";
    }
    return "unknown status";
}
