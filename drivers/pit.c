/* Intel 8254 data sheet, "Programming the 82C54"; port 61h as in the PC/AT. */
#include "drivers/pit.h"

#include "kernel/x86/io.h"

#define CHANNEL0_PORT 0x40u
#define CHANNEL2_PORT 0x42u
#define COMMAND_PORT  0x43u

/* Commands: channel (7:6), low then high byte (5:4), mode (3:1). */
#define COMMAND_CHANNEL0_RATE  0x34u /* mode 2: starts again by itself */
#define COMMAND_CHANNEL2_COUNT 0xB0u /* mode 0: counts down, and on below 0 */
#define COMMAND_CHANNEL2_LATCH 0x80u

#define SPEAKER_PORT  0x61u
#define SPEAKER_GATE  0x01u
#define SPEAKER_SOUND 0x02u

void pit_start_counter(void)
{
    /* Gate on, speaker off: channel 2 is the one whose tone nobody needs. */
    uint8_t speaker = io_read8(SPEAKER_PORT) & (uint8_t)~SPEAKER_SOUND;
    io_write8(SPEAKER_PORT, speaker | SPEAKER_GATE);
    io_write8(COMMAND_PORT, COMMAND_CHANNEL2_COUNT);
    io_write8(CHANNEL2_PORT, 0xFF);
    io_write8(CHANNEL2_PORT, 0xFF);
}

/* Counts down, so its negative counts up. Latched, so that both halves are of one moment. */
uint64_t pit_counter(void)
{
    io_write8(COMMAND_PORT, COMMAND_CHANNEL2_LATCH);
    uint32_t low = io_read8(CHANNEL2_PORT);
    uint32_t high = io_read8(CHANNEL2_PORT);
    return 0 - (uint64_t)(high << 8 | low);
}

void pit_start_ticks(void)
{
    io_write8(COMMAND_PORT, COMMAND_CHANNEL0_RATE);
    io_write8(CHANNEL0_PORT, 0); /* 0 means 65,536 */
    io_write8(CHANNEL0_PORT, 0);
}
