/*
 * Ports and device registers.
 *
 * Rules: device memory is read and written only through these, one access each, in program order (volatile; the
 * mapping is uncached or write-combining, which is the mapper's choice).
 */
#ifndef KEEL_X86_IO_H
#define KEEL_X86_IO_H

#include "kernel/base/types.h"

static inline uint8_t io_read8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t io_read16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t io_read32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void io_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void io_write16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void io_write32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
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
    *(volatile uint32_t *)address = value;
}

static inline void mmio_write64(volatile void *address, uint64_t value)
{
    *(volatile uint64_t *)address = value;
}

#endif
