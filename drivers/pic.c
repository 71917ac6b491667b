/*
 * Intel 8259A data sheet (order 231468), initialisation command words ICW1 to ICW4, operation word OCW1.
 *
 * Masking alone is not enough: a spurious interrupt (IRQ 7 or 15) comes through the mask, and firmware leaves the first
 * chip at vectors 8 to 15 as a PC of 1981 did, where it would look like a double fault. So both are moved to 20h first.
 */
#include "drivers/pic.h"

#include "kernel/x86/io.h"

#define FIRST_PORT  0x20u /* commands; data is the port after it */
#define SECOND_PORT 0xA0u

#define ICW1_INIT_WITH_ICW4  0x11u
#define ICW3_SECOND_ON_LINE  0x04u /* first: a bit mask of lines */
#define ICW3_SECOND_IDENTITY 0x02u /* second: the line's number */
#define ICW4_8086            0x01u
#define OCW1_ALL             0xFFu

static void pic_move(uint16_t port, uint8_t vector, uint8_t wiring)
{
    uint16_t data = (uint16_t)(port + 1);
    /* The order is the chip's: after ICW1 the next three writes to the data port are ICW2, ICW3 and ICW4. */
    io_write8(data, OCW1_ALL);
    io_write8(port, ICW1_INIT_WITH_ICW4);
    io_write8(data, vector);
    io_write8(data, wiring);
    io_write8(data, ICW4_8086);
    io_write8(data, OCW1_ALL);
}

void pic_disable(void)
{
    pic_move(FIRST_PORT, PIC_VECTOR_BASE, ICW3_SECOND_ON_LINE);
    pic_move(SECOND_PORT, PIC_VECTOR_BASE + PIC_VECTOR_COUNT / 2, ICW3_SECOND_IDENTITY);
}
