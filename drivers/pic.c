/* Intel 8259A data sheet (order 231468), initialisation command words ICW1 to ICW4, operation word OCW1. */
#include "drivers/pic.h"

#include "kernel/x86/io.h"

#define FIRST_COMMAND  0x20u
#define FIRST_DATA     0x21u
#define SECOND_COMMAND 0xA0u
#define SECOND_DATA    0xA1u

#define ICW1_INIT_WITH_ICW4  0x11u
#define ICW3_SECOND_ON_LINE  0x04u /* first: a bit mask of lines */
#define ICW3_SECOND_IDENTITY 0x02u /* second: the line's number */
#define ICW4_8086            0x01u
#define OCW1_ALL             0xFFu

void pic_disable(void)
{
    io_write8(FIRST_DATA, OCW1_ALL);
    io_write8(SECOND_DATA, OCW1_ALL);
    io_write8(FIRST_COMMAND, ICW1_INIT_WITH_ICW4);
    io_write8(SECOND_COMMAND, ICW1_INIT_WITH_ICW4);
    io_write8(FIRST_DATA, PIC_VECTOR_BASE);
    io_write8(SECOND_DATA, PIC_VECTOR_BASE + PIC_VECTOR_COUNT / 2);
    io_write8(FIRST_DATA, ICW3_SECOND_ON_LINE);
    io_write8(SECOND_DATA, ICW3_SECOND_IDENTITY);
    io_write8(FIRST_DATA, ICW4_8086);
    io_write8(SECOND_DATA, ICW4_8086);
    io_write8(FIRST_DATA, OCW1_ALL);
    io_write8(SECOND_DATA, OCW1_ALL);
}
