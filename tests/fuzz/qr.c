/*
 * qr_encode over any bytes, read back by a plain reader that has nothing from the encoder. Holds: nothing is written
 * outside, and the codewords under the mask that the format names are the contents, block by block.
 *
 * Input: the contents, cut at what a code holds.
 */
#include "kernel/base/qr.h"
#include "tests/fuzz/input.h"

#define DATA_COUNT 523u /* ISO/IEC 18004, table 9: 5 blocks of 87 codewords and 1 of 88 */
#define BLOCKS     6u

static struct qr qr;
static uint8_t taken[QR_SIZE][QR_SIZE]; /* by patterns: [y][x] */

static void take(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    for (uint32_t row = y; row < y + height; row++)
        memset(&taken[row][x], 1, width);
}

static void take_patterns(void)
{
    static const uint8_t centres[4] = {6, 26, 48, 70};
    take(0, 0, 9, 9);
    take(QR_SIZE - 8, 0, 8, 9);
    take(0, QR_SIZE - 8, 9, 8);
    take(0, 6, QR_SIZE, 1);
    take(6, 0, 1, QR_SIZE);
    take(QR_SIZE - 11, 0, 3, 6);
    take(0, QR_SIZE - 11, 6, 3);
    for (unsigned i = 1; i < 16; i++)
        if (i != 3 && i != 12)
            take(centres[i % 4] - 2u, centres[i / 4] - 2u, 5, 5);
}

/* The mask, from the three bits of the format that are XORed with 101 (annex C). */
static uint32_t mask_of(void)
{
    return ((uint32_t)qr_dark(&qr, 2, 8) << 2 | (uint32_t)qr_dark(&qr, 3, 8) << 1 | qr_dark(&qr, 4, 8)) ^ 5;
}

static bool is_inverted(uint32_t mask, uint32_t i, uint32_t j)
{
    switch (mask) {
    case 0:
        return (i + j) % 2 == 0;
    case 1:
        return i % 2 == 0;
    case 2:
        return j % 3 == 0;
    case 3:
        return (i + j) % 3 == 0;
    case 4:
        return (i / 2 + j / 3) % 2 == 0;
    case 5:
        return i * j % 2 + i * j % 3 == 0;
    case 6:
        return (i * j % 2 + i * j % 3) % 2 == 0;
    default:
        return ((i + j) % 2 + i * j % 3) % 2 == 0;
    }
}

/* All that lies in the modules that are left, column pair by column pair. */
static uint32_t read_codewords(uint8_t *codewords)
{
    uint32_t bit = 0;
    uint32_t mask = mask_of();
    memset(codewords, 0, QR_CODEWORDS + 1);
    for (uint32_t pair = 0; pair < (QR_SIZE - 1) / 2; pair++) {
        uint32_t right = QR_SIZE - 1 - 2 * pair;
        right -= right <= 6;
        for (uint32_t step = 0; step < QR_SIZE; step++) {
            uint32_t y = pair % 2 == 0 ? QR_SIZE - 1 - step : step;
            for (uint32_t x = right + 1; x-- > right - 1;) {
                if (taken[y][x])
                    continue;
                bool dark = qr_dark(&qr, x, y) != is_inverted(mask, y, x);
                codewords[bit / 8] |= (uint8_t)(dark << (7 - bit % 8));
                bit++;
            }
        }
    }
    return bit / 8;
}

/* The i-th codeword of the message: the blocks gave theirs in turns, and only the last has an 88th. */
static uint8_t message(const uint8_t *codewords, uint32_t i)
{
    uint32_t block = i / 87 < BLOCKS ? i / 87 : BLOCKS - 1;
    uint32_t at = i - 87 * block;
    return codewords[at == 87 ? DATA_COUNT - 1 : at * BLOCKS + block];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    uint32_t length = (uint32_t)min_u64(size_bytes, QR_BYTES_MAX);
    uint8_t *contents = input_copy(bytes, length);
    static uint8_t codewords[QR_CODEWORDS + 1];
    memset(&qr, 0xA5, sizeof(qr));
    qr_encode(&qr, contents, length);
    take_patterns();
    CHECK(read_codewords(codewords) == QR_CODEWORDS);
    /* The mode and the end are half a codeword each. */
    CHECK(message(codewords, 0) == (0x40 | length >> 12));
    CHECK((uint8_t)(message(codewords, 0) << 4 | message(codewords, 1) >> 4) == length >> 8);
    CHECK((uint8_t)(message(codewords, 1) << 4 | message(codewords, 2) >> 4) == (length & 0xFF));
    for (uint32_t i = 0; i < length; i++)
        CHECK((uint8_t)(message(codewords, i + 2) << 4 | message(codewords, i + 3) >> 4) == contents[i]);
    CHECK((message(codewords, length + 2) & 15) == 0);
    free(contents);
    return 0;
}
