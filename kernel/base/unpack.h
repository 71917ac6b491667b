/*
 * Unpacking what the build has packed: one block in the format of LZ4.
 *
 * Rules: pure; any bytes are safe: nothing is read or written beyond the two buffers. Source: "LZ4 Block Format
 * Description", lz4_Block_format.md of the LZ4 project.
 */
#ifndef KEEL_BASE_UNPACK_H
#define KEEL_BASE_UNPACK_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* STATUS_INVALID: cut off, or not exactly to_bytes long when unpacked; `to` then holds anything. */
enum status unpack(const void *packed, uint64_t packed_bytes, void *to, uint64_t to_bytes) MUST_CHECK;

#endif
