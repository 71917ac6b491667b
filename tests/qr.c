/*
 * qr VERSION: a QR code of what stands on standard input, as rows of '#' (dark) and '.', for tests/qr.
 * qr --capacity VERSION: how many bytes such a code holds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/base/qr.h"

static struct qr qr;
static char text[QR_CODEWORDS_MAX + 1];

int main(int count, char **words)
{
    bool asks = count == 3 && strcmp(words[1], "--capacity") == 0;
    int version = count == 2 || asks ? atoi(words[count - 1]) : 0;
    if (version < 1 || version > (int)QR_VERSION_MAX) {
        fprintf(stderr, "usage: qr [--capacity] VERSION\n");
        return 2;
    }
    uint32_t capacity = qr_capacity_bytes((uint32_t)version);
    if (asks) {
        printf("%u\n", capacity);
        return 0;
    }
    size_t length = fread(text, 1, sizeof(text), stdin);
    if (length > capacity) {
        fprintf(stderr, "qr: version %d holds %u bytes\n", version, capacity);
        return 1;
    }
    qr_encode(&qr, (uint32_t)version, text, (uint32_t)length);
    for (uint32_t y = 0; y < qr.size; y++) {
        for (uint32_t x = 0; x < qr.size; x++)
            putchar(qr_dark(&qr, x, y) ? '#' : '.');
        putchar('\n');
    }
    return 0;
}
