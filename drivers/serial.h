/*
 * A 16550 serial port at an I/O port base, 115200 baud, 8 bits, no parity, 1 stop bit.
 *
 * Owns: struct serial, the state of one port; the caller keeps it and serialises its use.
 * Rules: an absent port is normal; a transmitter that stops taking bytes costs a bounded time and then nothing: its
 * output is dropped from then on unless it is ready by itself. Nothing here allocates or waits for input.
 */
#ifndef KEEL_DRIVERS_SERIAL_H
#define KEEL_DRIVERS_SERIAL_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* The first port of every PC, and its ISA interrupt. */
#define SERIAL_COM1_PORT 0x3F8u
#define SERIAL_COM1_IRQ  4u

struct serial {
    uint16_t port;
    bool present;
    uint8_t fifo_bytes; /* of the transmit FIFO; 1 on a chip without */
    uint8_t fifo_room;  /* bytes that the transmit FIFO still takes without asking */
    uint8_t strikes;    /* time-outs so far: when there were too many, writes no longer wait */
};

/* Finds and programs the port at `port`. STATUS_NOT_FOUND: nothing there; reads and writes then do nothing. */
enum status serial_init(struct serial *serial, uint16_t port) MUST_CHECK;

/* Sends one byte; waits a bounded time for room in the FIFO and drops the byte when there is none. */
void serial_write(struct serial *serial, uint8_t byte);

/* Takes one received byte if there is one; never waits. */
bool serial_read(struct serial *serial, uint8_t *byte);

/* An interrupt (edge, ISA IRQ 4 on COM1) for every received byte from here on; serial_read until false handles it. */
void serial_enable_receive_interrupt(struct serial *serial);

#endif
