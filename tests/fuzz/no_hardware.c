/* Linked where a file under test could drive hardware but is only asked to read: it must not come that far. */
#include <stdint.h>
#include <stdlib.h>

#include "boot/processor.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/io.h"

uint64_t fake_tsc(void)
{
    abort();
}

uint32_t fake_port_read(uint16_t port, unsigned size_bytes)
{
    (void)port, (void)size_bytes;
    abort();
}

void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes)
{
    (void)port, (void)value, (void)size_bytes;
    abort();
}

bool processor_random(uint64_t *words, unsigned count)
{
    (void)words, (void)count;
    abort();
}

uint64_t time_now_us(void)
{
    abort();
}
