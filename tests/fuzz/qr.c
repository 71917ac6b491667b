/*
 * qr_encode over any bytes in any version, read back by a plain reader that has nothing from the encoder. Holds:
 * nothing is written outside, and the codewords under the mask that the format names are the contents; of versions that
 * interleave blocks (from 6 on) only the first one is looked at: tests/qr asks zbar about them.
 *
 * Input: a byte for the version (modulo 40, from 1), then the contents, cut at what that version holds.
 */
#include "kernel/base/qr.h"
#include "tests/fuzz/input.h"

static struct qr qr;
static uint8_t taken[QR_SIZE_MAX][QR_SIZE_MAX]; /* by patterns: [y][x] */

static void take(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    for (uint32_t row = y; row < y + height; row++)
        memset(&taken[row][x], 1, width);
}

/* Version 32 is the one of which annex E deviates from even steps. */
static uint32_t centre(uint32_t version, uint32_t i)
{
    uint32_t last = version / 7 + 1;
    uint32_t span = 4 * version + 4; /* from the first centre, 6, to the last */
    uint32_t step = (span + last - 1) / last;
    step = version == 32 ? 26 : step + step % 2;
    return i == 0 ? 6 : 6 + span - (last - i) * step;
}

static void take_patterns(uint32_t version)
{
    memset(taken, 0, sizeof(taken));
    take(0, 0, 9, 9);
    take(qr.size - 8, 0, 8, 9);
    take(0, qr.size - 8, 9, 8);
    take(0, 6, qr.size, 1);
    take(6, 0, 1, qr.size);
    for (uint32_t i = 0; version > 1 && i < version / 7 + 2; i++) {
        for (uint32_t j = 0; j < version / 7 + 2; j++) {
            uint32_t x = centre(version, i);
            uint32_t y = centre(version, j);
            if ((x > 8 || y > 8) && (x > 8 || y < qr.size - 8) && (x < qr.size - 8 || y > 8))
                take(x - 2, y - 2, 5, 5);
        }
    }
    if (version >= 7) {
        take(qr.size - 11, 0, 3, 6);
        take(0, qr.size - 11, 6, 3);
    }
}

/* The mask, from the three bits of the format that are XORed with 101 (annex C). */
static uint32_t mask_of(void)
{
    return ((uint32_t)qr_dark(&qr, 2, 8) << 2 | (uint32_t)qr_dark(&qr, 3, 8) << 1 | qr_dark(&qr, 4, 8)) ^ 5;
}

static bool is_inverted(uint32_t mask, uint32_t i, uint32_t j)
{
    const bool inverted[8] = {
        (i + j) % 2 == 0,     i % 2 == 0, j % 3 == 0, (i + j) % 3 == 0, (i / 2 + j / 3) % 2 == 0,
        i * j % 2 + i * j % 3 == 0, (i * j % 2 + i * j % 3) % 2 == 0, ((i + j) % 2 + i * j % 3) % 2 == 0};
    return inverted[mask];
}

/* All that lies in the modules that are left, column pair by column pair. */
static uint32_t read_codewords(uint8_t *codewords)
{
    uint32_t bit = 0;
    uint32_t mask = mask_of();
    memset(codewords, 0, QR_CODEWORDS_MAX + 1);
    for (uint32_t pair = 0; pair < (qr.size - 1) / 2; pair++) {
        uint32_t right = qr.size - 1 - 2 * pair;
        right -= right <= 6;
        for (uint32_t step = 0; step < qr.size; step++) {
            uint32_t y = pair % 2 == 0 ? qr.size - 1 - step : step;
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

/* The mode and the count lie four bits off the bytes. */
static void check_data(const uint8_t *data, uint32_t version, const uint8_t *bytes, uint32_t size_bytes)
{
    unsigned head = version < 10 ? 1 : 2;
    uint32_t count = 0;
    CHECK(data[0] >> 4 == 4);
    for (unsigned i = 0; i < head; i++)
        count = count << 8 | (uint8_t)(data[i] << 4 | data[i + 1] >> 4);
    CHECK(count == size_bytes);
    for (uint32_t i = 0; i < size_bytes; i++)
        CHECK((uint8_t)(data[head + i] << 4 | data[head + i + 1] >> 4) == bytes[i]);
    CHECK((data[head + size_bytes] & 15) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    uint32_t version = 1 + bytes[0] % QR_VERSION_MAX;
    uint32_t length = (uint32_t)min_u64(size_bytes - 1, qr_capacity_bytes(version));
    uint8_t *contents = input_copy(bytes + 1, length);
    memset(&qr, 0xA5, sizeof(qr));
    qr_encode(&qr, version, contents, length);
    CHECK(qr.size == 17 + 4 * version);
    take_patterns(version);
    static uint8_t codewords[QR_CODEWORDS_MAX + 1];
    CHECK(read_codewords(codewords) > qr_capacity_bytes(version) + 2);
    CHECK(codewords[0] >> 4 == 4);
    if (version <= 5)
        check_data(codewords, version, contents, length);
    free(contents);
    return 0;
}
