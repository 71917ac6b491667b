/*
 * What a function says when input from outside is not as hoped. Bugs of our own are CHECKs (check.h), never a status.
 */
#ifndef KEEL_BASE_STATUS_H
#define KEEL_BASE_STATUS_H

#include "kernel/base/types.h"

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,     /* malformed input: a bad checksum, length, version, number */
    STATUS_NO_MEMORY,   /* the caller knows whether that is fatal */
    STATUS_NOT_FOUND,   /* absence, which is normal */
    STATUS_LIMIT,       /* a limit of ours was hit; the message names it */
    STATUS_TIMEOUT,     /* a bounded wait ran out */
    STATUS_UNSUPPORTED, /* understood, and not done here */
    STATUS_FAULT,       /* firmware code faulted and was contained */
    STATUS_DEVICE,      /* the device or the firmware reported an error */
};

/* "ok", "invalid", "out of memory", ... : a constant string, never NULL. */
const char *status_name(enum status status);

#endif
