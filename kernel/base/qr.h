/*
 * A QR code: bytes in, a square of dark and light modules out. Source: ISO/IEC 18004:2015; its clauses are cited.
 *
 * One of the specification's 40 versions, 15, in byte mode with error correction level L: denser ones ask for a steady
 * hand, and long texts take several of these. Level L mends 7 %, which is little, but a screen has no dirt.
 *
 *     ┌───────┬─────────────────────────┬───┬───────┐
 *     │finder │F                        │ver│finder │   finder     7 x 7, a light separator around it
 *     │       │F    - timing -    □   □ └───┤       │   F          format: level and mask, beside the finders
 *     ├───────┘F                            └───────┤   timing     row 6 and column 6, dark and light in turns
 *     │FFFFFF  .                            FFFFFFFF│   ver        the version, twice, 3 x 6
 *     │ timing □          □       □       □         │   □          alignment, 5 x 5, in a grid of 4 x 4 without
 *     │        .                                    │              the corners that have finders
 *     │        □          □       □       □         │
 *     ├───┐                                         │   the rest   data, then error correction: in columns two
 *     │ver│               data                      │              modules wide, from the bottom right corner up,
 *     ├───┴───┐F                                    │              down, up ...; XORed with a chess board
 *     │finder │F          □       □       □         │
 *     └───────┴─────────────────────────────────────┘   around it   4 light modules, which whoever draws it leaves
 *
 * Owns: nothing: the caller's struct qr is all the memory. Pure.
 */
#ifndef KEEL_BASE_QR_H
#define KEEL_BASE_QR_H

#include "kernel/base/types.h"

#define QR_SIZE          77u  /* modules a side: 17 + 4 * version */
#define QR_QUIET_MODULES 4u   /* light ones on every side: 6.3.8 */
#define QR_BYTES_MAX     520u /* table 7 */
#define QR_CODEWORDS     655u /* table 1 */

struct qr {
    uint8_t modules[QR_SIZE * QR_SIZE]; /* row by row; qr_dark reads them */
    uint8_t data[QR_CODEWORDS];         /* the rest is qr_encode's work space */
    uint8_t codewords[QR_CODEWORDS];
};

/* Makes the symbol of at most QR_BYTES_MAX bytes. */
void qr_encode(struct qr *qr, const void *bytes, uint32_t size_bytes);

/* Whether the module is dark; x from the left, y from the top. */
bool qr_dark(const struct qr *qr, uint32_t x, uint32_t y);

/* The check_count (at most QR_CHECKS) Reed-Solomon codewords that follow these data codewords (7.5.2). For the test. */
#define QR_CHECKS 22u /* in each block: table 9 */
void qr_correction(const uint8_t *data, uint32_t data_count, uint8_t *check, uint32_t check_count);

#endif
