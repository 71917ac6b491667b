/*
 * From bytes to a symbol, in the order of ISO/IEC 18004:2015, clause 7.1:
 *
 *     bytes -> data codewords (7.4) -> blocks, each with its correction (7.5) -> interleaved (7.6)
 *     patterns, format and version -> codewords in the modules that are left (7.7) -> the mask (7.8)
 *
 * The specification has an encoder try eight masks and take the one that is easiest to read, in print, under whatever
 * light. On a screen one will do, as readers take them all: the chess board, which also breaks up areas of one colour.
 */
#include "kernel/base/qr.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"

/* A module: its colour, and whether a pattern owns it, so that neither data nor mask touch it. */
#define DARK    1u
#define PATTERN 2u

#define MODE_BYTE  4u                                  /* table 2; 4 bits, as is the end of the message, 0 */
#define BLOCKS     6u                                  /* table 9 */
#define DATA_COUNT (QR_CODEWORDS - BLOCKS * QR_CHECKS) /* 5 blocks of 87, 1 of 88 */
#define ALIGNMENTS 4u

/* With their own correction: level L with mask 0 (annex C, table C.1), version 15 (annex D, table D.1). */
#define FORMAT  0x77C4u
#define VERSION 0x0F928u

/* Annex E: the rows and columns of alignment patterns' centres. */
static const uint8_t alignments[ALIGNMENTS] = {6, 26, 48, 70};

/* ---- Codewords ---- */

/* In GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (7.5.2). */
static uint8_t multiply(uint8_t a, uint8_t b)
{
    uint32_t product = 0;
    for (int bit = 7; bit >= 0; bit--) {
        product = product << 1 ^ (product >> 7) * 0x11D;
        product ^= (b >> bit & 1u) * a;
    }
    return (uint8_t)product;
}

void qr_correction(const uint8_t *data, uint32_t data_count, uint8_t *check, uint32_t check_count)
{
    CHECK(check_count <= QR_CHECKS);
    /* (x - 2^0)(x - 2^1)...: annex A. The highest coefficient is 1 and not kept; behind the lowest stands a 0. */
    uint8_t generator[QR_CHECKS + 1] = {0};
    uint8_t root = 1;
    generator[check_count - 1] = 1;
    for (uint32_t i = 0; i < check_count; i++, root = multiply(root, 2))
        for (uint32_t j = 0; j < check_count; j++)
            generator[j] = multiply(generator[j], root) ^ generator[j + 1];
    /* The remainder of a long division. */
    memset(check, 0, check_count);
    for (uint32_t i = 0; i < data_count; i++) {
        uint8_t factor = data[i] ^ check[0];
        for (uint32_t j = 0; j < check_count; j++)
            check[j] = (j + 1 < check_count ? check[j + 1] : 0) ^ multiply(generator[j], factor);
    }
}

/* Mode, count, the bytes and the end, then the two codewords that 7.4.10 pads with in turns. */
static void put_data(struct qr *qr, const uint8_t *bytes, uint32_t size_bytes)
{
    uint32_t length = size_bytes + 3;
    qr->data[0] = MODE_BYTE;
    qr->data[1] = (uint8_t)(size_bytes >> 8);
    qr->data[2] = (uint8_t)size_bytes;
    memcpy(qr->data + 3, bytes, size_bytes);
    qr->data[length] = 0;
    /* The mode is half a byte, and so is the end. */
    for (uint32_t i = 0; i < length; i++)
        qr->data[i] = (uint8_t)(qr->data[i] << 4 | qr->data[i + 1] >> 4);
    for (uint8_t pad = 0xEC; length < DATA_COUNT; pad ^= 0xEC ^ 0x11)
        qr->data[length++] = pad;
}

/* Codewords come from each block in turn; the last block has one of data more than the others (7.6). */
static void interleave(struct qr *qr)
{
    const uint32_t count = DATA_COUNT / BLOCKS;
    for (uint32_t block = 0; block < BLOCKS; block++) {
        const uint8_t *data = qr->data + block * count;
        uint8_t check[QR_CHECKS];
        qr_correction(data, count + (block == BLOCKS - 1), check, QR_CHECKS);
        for (uint32_t i = 0; i < count; i++)
            qr->codewords[i * BLOCKS + block] = data[i];
        for (uint32_t i = 0; i < QR_CHECKS; i++)
            qr->codewords[DATA_COUNT + i * BLOCKS + block] = check[i];
    }
    qr->codewords[DATA_COUNT - 1] = qr->data[DATA_COUNT - 1];
}

/* ---- Modules ---- */

bool qr_dark(const struct qr *qr, uint32_t x, uint32_t y)
{
    return (qr->modules[y * QR_SIZE + x] & DARK) != 0;
}

static void put_pattern(struct qr *qr, uint32_t x, uint32_t y, uint32_t bit)
{
    qr->modules[y * QR_SIZE + x] = (uint8_t)(PATTERN | (bit & DARK));
}

/* Rings around (x, y), `radius` of them: dark where the bit is set, the innermost bit 0. What lies outside is cut. */
static void put_rings(struct qr *qr, uint32_t x, uint32_t y, uint32_t radius, uint32_t dark_rings)
{
    const uint32_t side = 2 * radius + 1;
    for (uint32_t i = 0; i < side * side; i++) {
        uint32_t right = i % side; /* from the corner of the square */
        uint32_t down = i / side;
        uint64_t ring =
            max_u64(right < radius ? radius - right : right - radius, down < radius ? radius - down : down - radius);
        /* Where it would be negative it is huge. */
        if (x + right - radius < QR_SIZE && y + down - radius < QR_SIZE)
            put_pattern(qr, x + right - radius, y + down - radius, dark_rings >> ring);
    }
}

/* Level and mask, beside the top left finder, and again beside the other two (figure 25). */
static void put_format(struct qr *qr)
{
    for (uint32_t i = 0; i < 15; i++) {
        uint32_t bit = FORMAT >> i;
        uint32_t near = i < 6 ? i : i < 8 ? i + 1 : i == 8 ? 7 : 14 - i; /* past the timing */
        uint32_t far = i < 8 ? QR_SIZE - 1 - i : QR_SIZE - 15 + i;
        put_pattern(qr, i < 8 ? 8 : near, i < 8 ? near : 8, bit);
        put_pattern(qr, i < 8 ? far : 8, i < 8 ? 8 : far, bit);
    }
    put_pattern(qr, 8, QR_SIZE - 8, DARK); /* always: 7.9.1 */
}

static void put_patterns(struct qr *qr)
{
    for (uint32_t i = 0; i < QR_SIZE; i++) {
        put_pattern(qr, i, 6, ~i);
        put_pattern(qr, 6, i, ~i);
    }
    for (uint32_t i = 0; i < ALIGNMENTS * ALIGNMENTS; i++)
        if (i != 0 && i != ALIGNMENTS - 1 && i != ALIGNMENTS * (ALIGNMENTS - 1)) /* finders are there */
            put_rings(qr, alignments[i % ALIGNMENTS], alignments[i / ALIGNMENTS], 2, 5);
    /* Finders: a dark centre of 3 x 3, light, dark; the light ring outside is the separator. */
    put_rings(qr, 3, 3, 4, 0xB);
    put_rings(qr, QR_SIZE - 4, 3, 4, 0xB);
    put_rings(qr, 3, QR_SIZE - 4, 4, 0xB);
    put_format(qr);
    for (uint32_t i = 0; i < 18; i++) { /* figures 27, 28 */
        put_pattern(qr, QR_SIZE - 11 + i % 3, i / 3, VERSION >> i);
        put_pattern(qr, i / 3, QR_SIZE - 11 + i % 3, VERSION >> i);
    }
}

/* Columns of two, from the right, upwards and downwards in turns; column 6 is the timing's (7.7.3). */
static void place_codewords(struct qr *qr)
{
    uint32_t bit = 0;
    bool upwards = true;
    for (uint32_t right = QR_SIZE - 1; right < QR_SIZE; right -= right == 8 ? 3 : 2, upwards = !upwards) {
        for (uint32_t i = 0; i < 2 * QR_SIZE; i++) {
            uint32_t y = upwards ? QR_SIZE - 1 - i / 2 : i / 2;
            uint8_t *module = &qr->modules[y * QR_SIZE + right - i % 2];
            if ((*module & PATTERN) != 0 || bit == 8 * QR_CODEWORDS)
                continue; /* the few modules beyond the last codeword stay light */
            *module = qr->codewords[bit / 8] >> (7 - bit % 8) & DARK;
            bit++;
        }
    }
}

/* Mask 0 of table 10: a chess board. */
static void apply_mask(struct qr *qr)
{
    for (uint32_t i = 0; i < QR_SIZE * QR_SIZE; i++)
        if ((qr->modules[i] & PATTERN) == 0 && (i % QR_SIZE + i / QR_SIZE) % 2 == 0)
            qr->modules[i] ^= DARK;
}

void qr_encode(struct qr *qr, const void *bytes, uint32_t size_bytes)
{
    CHECK(size_bytes <= QR_BYTES_MAX);
    memset(qr->modules, 0, sizeof(qr->modules));
    put_patterns(qr);
    put_data(qr, bytes, size_bytes);
    interleave(qr);
    place_codewords(qr);
    apply_mask(qr);
}
