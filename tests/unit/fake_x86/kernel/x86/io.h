/*
 * Stands in for kernel/x86/io.h in host tests (-Itests/unit/fake_x86 before -I.): ports are functions that the test
 * defines, device memory is memory. A test whose device does something when it is written to defines fake_mmio_write.
 */
#ifndef KEEL_X86_IO_H
#define KEEL_X86_IO_H

#include "kernel/base/types.h"

uint32_t fake_port_read(uint16_t port, unsigned size_bytes);
void fake_port_write(uint16_t port, uint32_t value, unsigned size_bytes);

void fake_mmio_write(volatile void *address, uint32_t value) __attribute__((weak));

static inline uint8_t io_read8(uint16_t port)
{
    return (uint8_t)fake_port_read(port, 1);
}

static inline uint16_t io_read16(uint16_t port)
{
    return (uint16_t)fake_port_read(port, 2);
}

static inline uint32_t io_read32(uint16_t port)
{
    return fake_port_read(port, 4);
}

static inline void io_write8(uint16_t port, uint8_t value)
{
    fake_port_write(port, value, 1);
}

static inline void io_write16(uint16_t port, uint16_t value)
{
    fake_port_write(port, value, 2);
}

static inline void io_write32(uint16_t port, uint32_t value)
{
    fake_port_write(port, value, 4);
}

static inline uint32_t mmio_read32(const volatile void *address)
{
    return *(const volatile uint32_t *)address;
}

static inline uint64_t mmio_read64(const volatile void *address)
{
    return *(const volatile uint64_t *)address;
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
    if (fake_mmio_write != NULL)
        fake_mmio_write(address, value);
    else
        *(volatile uint32_t *)address = value;
}

static inline void mmio_write64(volatile void *address, uint64_t value)
{
    *(volatile uint64_t *)address = value;
}

#endif
