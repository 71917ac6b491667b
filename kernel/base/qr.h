/*
 * QR codes: bytes in, a square of dark and light modules out. Source: ISO/IEC 18004:2015; its clauses are cited.
 *
 * Byte mode, error correction level L: 7 % of a symbol may be misread, which is little, but a screen has no dirt and
 * the fewer modules the larger each. Versions 1 to 40 are 17 + 4 * version modules a side.
 *
 *     version 7, 45 x 45 (clause 6.3)
 *     ┌───────┬──────────────────┬───┬───────┐
 *     │finder │                  │ver│finder │   finder     7 x 7, a light separator around it
 *     │       │F                 │   │       │   F          format: level and mask, beside the finders
 *     ├───────┘F - timing - - - -└───┴───────┤   timing     row 6 and column 6, dark and light in turns
 *     │FFFFFF  :                             │   ver        version, from 7 on: twice, 3 x 6
 *     │   timing          ┌─┐                │
 *     │        :          └─┘ alignment      │   alignment  5 x 5, from version 2 on, in a grid
 *     ├───┐                                  │
 *     │ver│        data, then error          │   data       in columns two modules wide, from the bottom right
 *     ├───┴───┐    correction             ┌─┐│              corner up, down, up ...; XORed with one of 8 masks
 *     │finder │F                          └─┘│
 *     └───────┴──────────────────────────────┘   around it   4 light modules, which whoever draws it leaves
 *
 * Owns: nothing: the caller's struct qr is all the memory. Pure.
 */
#ifndef KEEL_BASE_QR_H
#define KEEL_BASE_QR_H

#include "kernel/base/types.h"

#define QR_VERSION_MAX   40u
#define QR_SIZE_MAX      (17u + 4u * QR_VERSION_MAX) /* modules a side */
#define QR_CODEWORDS_MAX 3706u                       /* of version 40, table 1 */
#define QR_QUIET_MODULES 4u                          /* light ones on every side: 6.3.8 */

struct qr {
    uint32_t size;                              /* modules a side */
    uint8_t modules[QR_SIZE_MAX * QR_SIZE_MAX]; /* row by row; qr_dark reads them */
    uint8_t data[QR_CODEWORDS_MAX];             /* the rest is qr_encode's work space */
    uint8_t codewords[QR_CODEWORDS_MAX];
};

/* Modules a side; `version` is 1 to QR_VERSION_MAX, here and below. */
uint32_t qr_size(uint32_t version);

/* Bytes that a symbol holds. */
uint32_t qr_capacity_bytes(uint32_t version);

/* Makes the symbol. size_bytes is at most qr_capacity_bytes(version). */
void qr_encode(struct qr *qr, uint32_t version, const void *bytes, uint32_t size_bytes);

/* Whether the module is dark; x from the left, y from the top. */
bool qr_dark(const struct qr *qr, uint32_t x, uint32_t y);

/* The check_count (at most 30) Reed-Solomon codewords that follow these data codewords (7.5.2). For the unit test. */
void qr_correction(const uint8_t *data, uint32_t data_count, uint8_t *check, uint32_t check_count);

#endif
