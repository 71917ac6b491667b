/*
 * From bytes to a symbol, in the order of ISO/IEC 18004:2015, clause 7.1:
 *
 *     bytes -> data codewords (7.4) -> blocks, each with its correction (7.5) -> interleaved (7.6)
 *     patterns, format and version -> codewords in the modules that are left (7.7) -> the best of eight masks (7.8)
 */
#include "kernel/base/qr.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"

/* A module: its colour, and whether a pattern owns it, so that neither data nor mask touch it. */
#define DARK    1u
#define PATTERN 2u

#define CHECK_MAX 30u /* correction codewords in a block: table 9 */

#define MODE_BYTE 4u /* table 2; 4 bits, as is the end of the message, 0 */
#define LEVEL_L   1u /* table 12 */

/* Table 9, level L, by version from 1: correction codewords in each block, and blocks. */
static const uint8_t check_counts[QR_VERSION_MAX] = {
    7,  10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
    28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
};
static const uint8_t block_counts[QR_VERSION_MAX] = {
    1, 1, 1, 1,  1,  2,  2,  2,  2,  4,  4,  4,  4,  4,  6,  6,  6,  6,  7,  8,
    8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25,
};

/* ---- How much there is room for ---- */

uint32_t qr_size(uint32_t version)
{
    CHECK(version >= 1 && version <= QR_VERSION_MAX);
    return 17 + 4 * version;
}

/* In a row and in a column of their grid, which lacks the three corners with finders (annex E). */
static uint32_t alignment_count(uint32_t version)
{
    return version == 1 ? 0 : version / 7 + 2;
}

/* Codewords of all kinds: the modules that no pattern has, by 8 (table 1). */
static uint32_t codeword_count(uint32_t version)
{
    uint32_t size = qr_size(version);
    uint32_t count = alignment_count(version);
    /* All, less finders with separators and format (192 + 31), and timing. */
    uint32_t modules = size * size - 223 - 2 * (size - 16);
    if (count != 0)
        /* 25 modules each, but those on row or column 6 share 5 with the timing. */
        modules -= (count * count - 3) * 25 - 2 * (count - 2) * 5;
    if (version >= 7)
        modules -= 2 * 18;
    return modules / 8;
}

static uint32_t data_count(uint32_t version)
{
    return codeword_count(version) - (uint32_t)check_counts[version - 1] * block_counts[version - 1];
}

/* Bits of the count that follows the mode: table 3. */
static uint32_t count_bits(uint32_t version)
{
    return version < 10 ? 8 : 16;
}

uint32_t qr_capacity_bytes(uint32_t version)
{
    return (data_count(version) * 8 - 4 - count_bits(version)) / 8;
}

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
    CHECK(check_count <= CHECK_MAX);
    /* (x - 2^0)(x - 2^1)...: annex A. The highest coefficient is 1 and not kept. */
    uint8_t generator[CHECK_MAX] = {0};
    uint8_t root = 1;
    generator[check_count - 1] = 1;
    for (uint32_t i = 0; i < check_count; i++) {
        for (uint32_t j = 0; j < check_count; j++)
            generator[j] = multiply(generator[j], root) ^ (j + 1 < check_count ? generator[j + 1] : 0);
        root = multiply(root, 2);
    }
    /* The remainder of a long division. */
    memset(check, 0, check_count);
    for (uint32_t i = 0; i < data_count; i++) {
        uint8_t factor = data[i] ^ check[0];
        for (uint32_t j = 0; j < check_count; j++)
            check[j] = (j + 1 < check_count ? check[j + 1] : 0) ^ multiply(generator[j], factor);
    }
}

/* Mode, count and the bytes, four bits off the codewords' grid; then the two that 7.4.10 pads with. */
static void put_data(struct qr *qr, uint32_t version, const uint8_t *bytes, uint32_t size_bytes)
{
    uint32_t length = 0;
    uint32_t held = MODE_BYTE; /* its low 4 bits wait for the next byte */
    if (count_bits(version) == 16) {
        held = held << 8 | size_bytes >> 8;
        qr->data[length++] = (uint8_t)(held >> 4);
    }
    held = held << 8 | (size_bytes & 0xFF);
    qr->data[length++] = (uint8_t)(held >> 4);
    for (uint32_t i = 0; i < size_bytes; i++) {
        held = held << 8 | bytes[i];
        qr->data[length++] = (uint8_t)(held >> 4);
    }
    qr->data[length++] = (uint8_t)(held << 4); /* and the end */
    for (uint8_t pad = 0xEC; length < data_count(version); pad ^= 0xEC ^ 0x11)
        qr->data[length++] = pad;
}

/* Blocks of equal length, but that the last ones are one longer; codewords come from each in turn (7.6). */
static void interleave(struct qr *qr, uint32_t version)
{
    uint32_t blocks = block_counts[version - 1];
    uint32_t checks = check_counts[version - 1];
    uint32_t total = data_count(version);
    uint32_t shortest = total / blocks;
    uint32_t short_blocks = blocks - total % blocks;
    uint32_t from = 0;
    for (uint32_t block = 0; block < blocks; block++) {
        uint32_t count = shortest + (block >= short_blocks);
        uint8_t check[CHECK_MAX];
        qr_correction(qr->data + from, count, check, checks);
        for (uint32_t i = 0; i < shortest; i++)
            qr->codewords[i * blocks + block] = qr->data[from + i];
        if (count > shortest)
            qr->codewords[shortest * blocks + block - short_blocks] = qr->data[from + shortest];
        for (uint32_t i = 0; i < checks; i++)
            qr->codewords[total + i * blocks + block] = check[i];
        from += count;
    }
}

/* ---- Modules ---- */

static uint8_t *module_at(struct qr *qr, uint32_t x, uint32_t y)
{
    return &qr->modules[y * qr->size + x];
}

bool qr_dark(const struct qr *qr, uint32_t x, uint32_t y)
{
    return (qr->modules[y * qr->size + x] & DARK) != 0;
}

static void put_pattern(struct qr *qr, uint32_t x, uint32_t y, bool dark)
{
    *module_at(qr, x, y) = PATTERN | (dark ? DARK : 0);
}

/* Rings around (x, y), `radius` of them: dark where the bit is set, the innermost bit 0. What lies outside is cut. */
static void put_rings(struct qr *qr, uint32_t x, uint32_t y, int radius, uint32_t dark_rings)
{
    for (int down = -radius; down <= radius; down++) {
        for (int right = -radius; right <= radius; right++) {
            int across = right < 0 ? -right : right;
            int along = down < 0 ? -down : down;
            int ring = across > along ? across : along;
            uint32_t column = x + (uint32_t)right; /* huge when it would be negative */
            uint32_t row = y + (uint32_t)down;
            if (column < qr->size && row < qr->size)
                put_pattern(qr, column, row, (dark_rings >> ring & 1) != 0);
        }
    }
}

/* Where the i-th of the alignment patterns of a row or a column has its centre: annex E. */
static uint32_t alignment_centre(uint32_t version, uint32_t i)
{
    uint32_t gaps = alignment_count(version) - 1;
    /* Even steps from the far end; the first one takes what is left. Version 32 is the table's own exception. */
    uint32_t step = version == 32 ? 26 : (version * 4 + gaps * 2 + 3) / (gaps * 2) * 2;
    return i == 0 ? 6 : qr_size(version) - 7 - step * (gaps - i);
}

static void put_alignment(struct qr *qr, uint32_t version)
{
    uint32_t count = alignment_count(version);
    for (uint32_t row = 0; row < count; row++) {
        for (uint32_t column = 0; column < count; column++) {
            bool in_corner = (row == 0 && (column == 0 || column == count - 1)) || (row == count - 1 && column == 0);
            if (!in_corner)
                put_rings(qr, alignment_centre(version, column), alignment_centre(version, row), 2, 5);
        }
    }
}

/* `value` with the remainder of its division behind it: BCH codes, annexes C and D. */
static uint32_t with_remainder(uint32_t value, uint32_t generator, unsigned remainder_bits)
{
    uint32_t rest = value;
    for (unsigned i = 0; i < remainder_bits; i++)
        rest = rest << 1 ^ (rest >> (remainder_bits - 1)) * generator;
    return value << remainder_bits | rest;
}

/* Level and mask, beside the top left finder, and again beside the other two (figure 25). */
static void put_format(struct qr *qr, uint32_t mask)
{
    uint32_t bits = with_remainder(LEVEL_L << 3 | mask, 0x537, 10) ^ 0x5412;
    for (uint32_t i = 0; i < 15; i++) {
        bool dark = (bits >> i & 1) != 0;
        uint32_t near = i < 6 ? i : i < 8 ? i + 1 : i == 8 ? 7 : 14 - i; /* past the timing */
        uint32_t far = i < 8 ? qr->size - 1 - i : qr->size - 15 + i;
        put_pattern(qr, i < 8 ? 8 : near, i < 8 ? near : 8, dark);
        put_pattern(qr, i < 8 ? far : 8, i < 8 ? 8 : far, dark);
    }
    put_pattern(qr, 8, qr->size - 8, true); /* always dark: 7.9.1 */
}

/* From version 7 on, beside the top right and above the bottom left finder (figures 27, 28). */
static void put_version(struct qr *qr, uint32_t version)
{
    uint32_t bits = with_remainder(version, 0x1F25, 12);
    for (uint32_t i = 0; i < 18; i++) {
        bool dark = (bits >> i & 1) != 0;
        put_pattern(qr, qr->size - 11 + i % 3, i / 3, dark);
        put_pattern(qr, i / 3, qr->size - 11 + i % 3, dark);
    }
}

static void put_patterns(struct qr *qr, uint32_t version)
{
    uint32_t far = qr->size - 4;
    for (uint32_t i = 0; i < qr->size; i++) {
        put_pattern(qr, i, 6, i % 2 == 0);
        put_pattern(qr, 6, i, i % 2 == 0);
    }
    /* Dark centre of 3 x 3, light, dark; the light ring outside is the separator. */
    put_rings(qr, 3, 3, 4, 0xB);
    put_rings(qr, far, 3, 4, 0xB);
    put_rings(qr, 3, far, 4, 0xB);
    put_alignment(qr, version);
    put_format(qr, 0); /* its modules; what they say comes with the mask */
    if (version >= 7)
        put_version(qr, version);
}

/* Columns of two, from the right, upwards and downwards in turns; column 6 is the timing's (7.7.3). */
static void place_codewords(struct qr *qr, uint32_t count)
{
    uint32_t bit = 0;
    bool upwards = true;
    for (uint32_t right = qr->size - 1; right < qr->size; right -= right == 8 ? 3 : 2, upwards = !upwards) {
        for (uint32_t i = 0; i < 2 * qr->size; i++) {
            uint32_t y = upwards ? qr->size - 1 - i / 2 : i / 2;
            uint8_t *module = module_at(qr, right - i % 2, y);
            if ((*module & PATTERN) != 0 || bit == 8 * count)
                continue; /* the few modules beyond the last codeword stay light */
            *module = qr->codewords[bit / 8] >> (7 - bit % 8) & DARK;
            bit++;
        }
    }
}

/* ---- Masks ---- */

/* Table 10. */
static bool is_masked(uint32_t mask, uint32_t x, uint32_t y)
{
    switch (mask) {
    case 0:
        return (x + y) % 2 == 0;
    case 1:
        return y % 2 == 0;
    case 2:
        return x % 3 == 0;
    case 3:
        return (x + y) % 3 == 0;
    case 4:
        return (x / 3 + y / 2) % 2 == 0;
    case 5:
        return x * y % 2 + x * y % 3 == 0;
    case 6:
        return (x * y % 2 + x * y % 3) % 2 == 0;
    default:
        return ((x + y) % 2 + x * y % 3) % 2 == 0;
    }
}

/* A second time takes it off. */
static void apply_mask(struct qr *qr, uint32_t mask)
{
    for (uint32_t y = 0; y < qr->size; y++)
        for (uint32_t x = 0; x < qr->size; x++)
            if ((*module_at(qr, x, y) & PATTERN) == 0 && is_masked(mask, x, y))
                *module_at(qr, x, y) ^= DARK;
}

/* Of a row (stride 1) or a column: runs of 5 and more, and what looks like a finder with its margin (table 11). */
static uint32_t line_penalty(const uint8_t *module, uint32_t stride, uint32_t size)
{
    uint32_t penalty = 0;
    uint32_t run = 0;
    uint32_t window = 0; /* the last 11 modules */
    for (uint32_t i = 0; i < size; i++, module += stride) {
        uint32_t dark = *module & DARK;
        run = i != 0 && dark == (window & 1) ? run + 1 : 1;
        penalty += run == 5 ? 3 : run > 5;
        window = (window << 1 | dark) & 0x7FF;
        penalty += i >= 10 && (window == 0x5D0 || window == 0x05D) ? 40 : 0;
    }
    return penalty;
}

/* How hard the symbol is to read: 7.8.3.1. */
static uint32_t penalty_of(const struct qr *qr)
{
    const uint8_t *modules = qr->modules;
    uint32_t size = qr->size;
    uint32_t penalty = 0;
    uint32_t dark = 0;
    for (uint32_t i = 0; i < size; i++)
        penalty += line_penalty(modules + i * size, 1, size) + line_penalty(modules + i, size, size);
    for (uint32_t i = 0; i < size * size; i++) {
        dark += modules[i] & DARK;
        if (i % size == 0 || i < size)
            continue;
        /* Blocks of 2 x 2 in one colour. */
        uint32_t sum = (modules[i] & DARK) + (modules[i - 1] & DARK) + (modules[i - size] & DARK) +
                       (modules[i - size - 1] & DARK);
        penalty += sum % 4 == 0 ? 3 : 0;
    }
    /* 10 for each 5 % that the dark ones are off one half. */
    uint32_t percent = dark * 100 / (size * size);
    return penalty + 10 * ((percent < 50 ? 50 - percent : percent - 50) / 5);
}

void qr_encode(struct qr *qr, uint32_t version, const void *bytes, uint32_t size_bytes)
{
    CHECK(size_bytes <= qr_capacity_bytes(version));
    qr->size = qr_size(version);
    memset(qr->modules, 0, sizeof(qr->modules));
    put_patterns(qr, version);
    put_data(qr, version, bytes, size_bytes);
    interleave(qr, version);
    place_codewords(qr, codeword_count(version));

    uint32_t best = 0;
    uint32_t lowest = UINT32_MAX;
    for (uint32_t mask = 0; mask < 8; mask++) {
        apply_mask(qr, mask);
        put_format(qr, mask);
        uint32_t penalty = penalty_of(qr);
        if (penalty < lowest) {
            lowest = penalty;
            best = mask;
        }
        apply_mask(qr, mask);
    }
    apply_mask(qr, best);
    put_format(qr, best);
}
