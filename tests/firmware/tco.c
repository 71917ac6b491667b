/*
 * The south bridge's watchdog: see tco.h.
 *
 * Intel ICH9 data sheet: 13.1 (LPC bridge, D31:F0: PMBASE, ACPI_CNTL, RCBA), 13.9 (TCO registers, 60h into the block
 * of PMBASE), chapter 10 (GCS, in the memory that RCBA names).
 */
#include "tests/firmware/tco.h"

#include "kernel/base/bits.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/pci.h"
#include "tests/firmware/serial.h"

#define LPC_DEVICE 31u
#define LPC_ID     0x29188086u

#define PMBASE      0x40u
#define PMBASE_MASK 0xFF80u
#define RCBA        0xF0u
#define RCBA_MASK   0xFFFFC000u
#define RCBA_ENABLE BIT(0)

#define GCS           0x3410u
#define GCS_NO_REBOOT BIT(5)

#define TCO_BASE     0x60u /* in the block of PMBASE */
#define TCO_RLD      0x00u /* any write starts the timer anew */
#define TCO1_STS     0x04u
#define TCO2_STS     0x06u
#define TCO1_CNT     0x08u
#define TCO1_HALT    BIT(11)
#define TCO_TMR      0x12u
#define TCO1_TIMEOUT BIT(3) /* these are cleared by writing ones */
#define TCO2_SECOND  BIT(1)

/* 13.9: a tick is 0.6 s, values below 4 are not to be used, and there are ten bits. */
#define TICKS_PER_MINUTE 100u
#define TICKS_MIN        4u
#define TICKS_MAX        1000u

static uint16_t base; /* 0: not armed */

static uint16_t port(uint32_t offset)
{
    return (uint16_t)(base + TCO_BASE + offset);
}

/* The bit stays set on boards whose strap says so, and then the watchdog counts and resets nothing. */
static void allow_reset(void)
{
    uint32_t root = pci_read(LPC_DEVICE, RCBA);
    volatile uint8_t *block = vaddr_pointer(VADDR(root & RCBA_MASK));
    if ((root & RCBA_ENABLE) != 0)
        *(volatile uint32_t *)(block + GCS) &= ~(uint32_t)GCS_NO_REBOOT;
}

bool tco_arm(uint64_t seconds)
{
    uint64_t ticks = seconds * TICKS_PER_MINUTE / 60 / 2; /* half: it runs out twice */
    if (ticks < TICKS_MIN || ticks > TICKS_MAX || pci_read(LPC_DEVICE, PCI_ID) != LPC_ID)
        return false;
    base = (uint16_t)(pci_read(LPC_DEVICE, PMBASE) & PMBASE_MASK);
    if (base == 0)
        return false;
    allow_reset();
    instruction_out16(port(TCO1_CNT), TCO1_HALT);
    instruction_out16(port(TCO1_STS), TCO1_TIMEOUT);
    instruction_out16(port(TCO2_STS), TCO2_SECOND);
    instruction_out16(port(TCO_TMR), (uint16_t)ticks);
    instruction_out16(port(TCO_RLD), 1);
    instruction_out16(port(TCO1_CNT), 0);
    serial_say("the chip set's watchdog is armed at %llu s", (unsigned long long)seconds);
    return true;
}

void tco_disarm(void)
{
    if (base == 0)
        return;
    instruction_out16(port(TCO1_CNT), TCO1_HALT);
    serial_say("the chip set's watchdog is halted");
}
