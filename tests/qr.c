/* qr: a QR code of what stands on standard input, as rows of '#' (dark) and '.', for tests/qr. */
#include <stdio.h>

#include "kernel/base/qr.h"

static struct qr qr;
static char text[QR_BYTES_MAX + 1];

int main(void)
{
    size_t length = fread(text, 1, sizeof(text), stdin);
    if (length > QR_BYTES_MAX) {
        fprintf(stderr, "qr: a code holds %u bytes\n", QR_BYTES_MAX);
        return 1;
    }
    qr_encode(&qr, text, (uint32_t)length);
    for (uint32_t y = 0; y < QR_SIZE; y++) {
        for (uint32_t x = 0; x < QR_SIZE; x++)
            putchar(qr_dark(&qr, x, y) ? '#' : '.');
        putchar('\n');
    }
    return 0;
}
