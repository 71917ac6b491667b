/* ACPI 6.5, 4.8.3.3: one register, read only. */
#include "drivers/pm_timer.h"

#include "kernel/x86/io.h"

#define MASK_24_BITS 0x00FFFFFFu
#define MASK_32_BITS 0xFFFFFFFFu

/* A tick is 0.28 us and a read of the port takes longer, so a timer that runs moves well within this. */
#define COUNT_POLLS 1000u

uint32_t pm_timer_read(const struct pm_timer *timer)
{
    return io_read32(timer->port) & timer->mask;
}

enum status pm_timer_init(struct pm_timer *timer, uint16_t port, bool wide)
{
    *timer = (struct pm_timer){.port = port, .mask = wide ? MASK_32_BITS : MASK_24_BITS};
    if (port == 0)
        return STATUS_NOT_FOUND;
    /* A port that is not there reads as all ones, for ever: it stands still, and is not believed. */
    uint32_t start = pm_timer_read(timer);
    for (uint32_t i = 0; i < COUNT_POLLS; i++)
        if (pm_timer_read(timer) != start)
            return STATUS_OK;
    return STATUS_NOT_FOUND;
}
