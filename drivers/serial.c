/*
 * The 16550: registers, programming, bounded output.
 *
 * Source: Texas Instruments PC16550D data sheet (SNLS378), section 8, table 2.
 */
#include "drivers/serial.h"

#include "kernel/x86/cpu.h"

/* Registers, as offsets from the base. */
enum {
    SERIAL_DATA = 0,                     /* receive and transmit buffer; divisor low while DLAB is set */
    SERIAL_INTERRUPT_ENABLE = 1,         /* divisor high while DLAB is set */
    SERIAL_FIFO_CONTROL = 2,             /* written */
    SERIAL_INTERRUPT_IDENTIFICATION = 2, /* read */
    SERIAL_LINE_CONTROL = 3,
    SERIAL_MODEM_CONTROL = 4,
    SERIAL_LINE_STATUS = 5,
    SERIAL_SCRATCH = 7,
};

#define INTERRUPT_RECEIVE     0x01u
#define FIFO_ENABLE_AND_CLEAR 0x07u /* trigger level 1: an interrupt for every byte */
#define FIFO_WORKS            0xC0u /* identification bits 7:6 once the FIFOs are on */
#define LINE_8N1              0x03u
#define LINE_DLAB             0x80u
#define MODEM_DTR_RTS         0x03u
#define MODEM_OUT2            0x08u /* on a PC, OUT2 connects the interrupt line */
#define STATUS_DATA_READY     0x01u
#define STATUS_TRANSMIT_EMPTY 0x20u
#define STATUS_ABSENT         0xFFu /* what an undriven bus reads as */

#define DIVISOR_115200 1u
#define FIFO_BYTES     16u

/*
 * How long a full FIFO may stay full. It empties in 1.4 ms; a virtual machine whose reader pauses takes longer. Counted
 * in TSC ticks because no clock is calibrated yet: 2^31 are 0.4 to 2 seconds on every CPU we run on. After
 * SERIAL_STRIKES_MAX such waits the port is dead.
 */
#define SERIAL_WAIT_TICKS  ((uint64_t)1 << 31)
#define SERIAL_STRIKES_MAX 3u

static uint8_t serial_register(const struct serial *serial, uint16_t offset)
{
    return io_read8((uint16_t)(serial->port + offset));
}

static void serial_set_register(const struct serial *serial, uint16_t offset, uint8_t value)
{
    io_write8((uint16_t)(serial->port + offset), value);
}

/* The scratch register keeps what is written to it; without a chip the bus reads all ones, or 0 in some machines. */
static bool serial_probe(const struct serial *serial)
{
    serial_set_register(serial, SERIAL_SCRATCH, 0x5A);
    if (serial_register(serial, SERIAL_SCRATCH) != 0x5A)
        return false;
    serial_set_register(serial, SERIAL_SCRATCH, 0xA5);
    if (serial_register(serial, SERIAL_SCRATCH) != 0xA5)
        return false;
    return serial_register(serial, SERIAL_LINE_STATUS) != STATUS_ABSENT;
}

enum status serial_init(struct serial *serial, uint16_t port)
{
    *serial = (struct serial){.port = port};
    if (!serial_probe(serial))
        return STATUS_NOT_FOUND;
    /*
     * Firmware's interrupt off before anything else. With DLAB set the first two registers are the divisor, 115200 /
     * rate.
     */
    serial_set_register(serial, SERIAL_INTERRUPT_ENABLE, 0);
    serial_set_register(serial, SERIAL_LINE_CONTROL, LINE_DLAB | LINE_8N1);
    serial_set_register(serial, SERIAL_DATA, DIVISOR_115200);
    serial_set_register(serial, SERIAL_INTERRUPT_ENABLE, 0);
    serial_set_register(serial, SERIAL_LINE_CONTROL, LINE_8N1);
    serial_set_register(serial, SERIAL_FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
    serial_set_register(serial, SERIAL_MODEM_CONTROL, MODEM_DTR_RTS);
    /* An 8250 or 16450 has no FIFO and says so here: it takes one byte at a time, and gets no more. */
    bool fifo_works = (serial_register(serial, SERIAL_INTERRUPT_IDENTIFICATION) & FIFO_WORKS) == FIFO_WORKS;
    serial->fifo_bytes = fifo_works ? FIFO_BYTES : 1;
    serial->present = true;
    return STATUS_OK;
}

/* Until the FIFO takes bytes again. A dead port is asked once, and waits for nothing. */
static void serial_wait_room(struct serial *serial)
{
    uint64_t start = cpu_tsc();
    while ((serial_register(serial, SERIAL_LINE_STATUS) & STATUS_TRANSMIT_EMPTY) == 0) {
        if (serial->strikes >= SERIAL_STRIKES_MAX)
            return;
        if (cpu_tsc() - start > SERIAL_WAIT_TICKS) {
            serial->strikes++;
            return;
        }
    }
    /* All 16 are free then, so the status is read once for 16 bytes: a port read costs a microsecond. */
    serial->fifo_room = serial->fifo_bytes;
}

void serial_write(struct serial *serial, uint8_t byte)
{
    if (serial->present && serial->fifo_room == 0)
        serial_wait_room(serial);
    if (serial->fifo_room == 0)
        return;
    serial->fifo_room--;
    serial_set_register(serial, SERIAL_DATA, byte);
}

bool serial_read(struct serial *serial, uint8_t *byte)
{
    if (!serial->present)
        return false;
    uint8_t status = serial_register(serial, SERIAL_LINE_STATUS);
    if (status == STATUS_ABSENT || (status & STATUS_DATA_READY) == 0)
        return false;
    /* Error bits (parity, framing) are not looked at: a console prefers a wrong character to none. */
    *byte = serial_register(serial, SERIAL_DATA);
    return true;
}

void serial_enable_receive_interrupt(struct serial *serial)
{
    if (!serial->present)
        return;
    serial_set_register(serial, SERIAL_MODEM_CONTROL, MODEM_DTR_RTS | MODEM_OUT2);
    serial_set_register(serial, SERIAL_INTERRUPT_ENABLE, INTERRUPT_RECEIVE);
}
