/*
 * IA-PC HPET specification 1.0a, 2.3: registers.
 *
 *     000h  capabilities   63:32 period in femtoseconds, 13 counter is 64 bits wide, 12:8 last timer
 *     010h  configuration  1 legacy replacement, 0 counter runs
 *     0F0h  main counter
 *     100h + 20h * n       timer n: 2 interrupt enabled
 *
 * The counter is not set to 0: who measures takes differences, and firmware's SMM code may be measuring too.
 */
#include "drivers/hpet.h"

#include "kernel/x86/io.h"

#define REGISTER_CAPABILITIES  0x000u
#define REGISTER_CONFIGURATION 0x010u
#define REGISTER_COUNTER       0x0F0u
#define REGISTER_TIMER0        0x100u
#define TIMER_STRIDE           0x20u

#define CAPABILITY_PERIOD_SHIFT 32u
#define CAPABILITY_TIMERS_SHIFT 8u
#define CAPABILITY_TIMERS_MASK  0x1Fu /* number of the last timer */
#define CAPABILITY_COUNTER_WIDE ((uint64_t)1 << 13)

#define PERIOD_FS_MAX 100000000u /* 2.3.4: 05F5E100h, 100 ns */

#define CONFIGURATION_ENABLE ((uint64_t)1 << 0)
#define CONFIGURATION_LEGACY ((uint64_t)1 << 1) /* takes IRQ 0 and 8 over */
#define TIMER_INTERRUPT      ((uint64_t)1 << 2)

/* Reads of the counter until it must have moved: each takes longer than the longest period. */
#define COUNT_POLLS 1000u

uint64_t hpet_counter(const struct hpet *hpet)
{
    /* One 64-bit read: a 32-bit half could wrap between two. */
    return mmio_read64(hpet->registers + REGISTER_COUNTER) & hpet->counter_mask;
}

enum status hpet_init(struct hpet *hpet, volatile void *registers)
{
    *hpet = (struct hpet){.registers = registers};
    uint64_t capabilities = mmio_read64(hpet->registers + REGISTER_CAPABILITIES);
    uint64_t period_fs = capabilities >> CAPABILITY_PERIOD_SHIFT;
    if (period_fs == 0 || period_fs > PERIOD_FS_MAX)
        return STATUS_INVALID;
    hpet->period_fs = (uint32_t)period_fs;
    hpet->counter_mask = (capabilities & CAPABILITY_COUNTER_WIDE) != 0 ? UINT64_MAX : UINT32_MAX;

    /* Firmware may have left a timer firing. A device that claims more timers than fit is cut short. */
    uint32_t last = (uint32_t)(capabilities >> CAPABILITY_TIMERS_SHIFT) & CAPABILITY_TIMERS_MASK;
    for (uint32_t i = 0; i <= last && REGISTER_TIMER0 + (i + 1) * TIMER_STRIDE <= HPET_WINDOW_BYTES; i++) {
        volatile uint8_t *timer = hpet->registers + REGISTER_TIMER0 + i * TIMER_STRIDE;
        mmio_write64(timer, mmio_read64(timer) & ~TIMER_INTERRUPT);
    }
    uint64_t configuration = mmio_read64(hpet->registers + REGISTER_CONFIGURATION);
    /* Legacy replacement off: else timers 0 and 1 take the lines of PIT and RTC from whoever routes those. */
    configuration = (configuration & ~CONFIGURATION_LEGACY) | CONFIGURATION_ENABLE;
    mmio_write64(hpet->registers + REGISTER_CONFIGURATION, configuration);

    uint64_t start = hpet_counter(hpet);
    for (uint32_t i = 0; i < COUNT_POLLS; i++)
        if (hpet_counter(hpet) != start)
            return STATUS_OK;
    return STATUS_DEVICE;
}
