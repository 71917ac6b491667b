/*
 * From a press to the way down.
 *
 *     button -> PM1 status -> SCI -> I/O APIC -> VECTOR_SCI -> pressed     wakes the monitor's wait for a key
 *                                                                '------> button_serve: asks, then shutdown_off
 *
 * The SCI is level-triggered and shared: with general-purpose events (which drivers/power.c turns off), and on old
 * machines with PCI devices (whose lines machine_quiesce turned off). One that nobody here ends would come again at
 * once and for ever, so after a number of them without a press the line is masked.
 */
#include "kernel/button.h"

#include "kernel/base/spinlock.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/keyboard.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/shutdown.h"
#include "kernel/time.h"
#include "kernel/usb.h"
#include "kernel/x86/regs.h"

#define ANSWER_S 10u

/* A storm reaches this within milliseconds. */
#define FOREIGN_MAX 1000u

static struct {
    uint32_t pressed;       /* atomic */
    uint32_t masked;        /* the line is, which nobody has been told yet; atomic */
    uint32_t foreign_count; /* interrupts since the last press that were not one */
} button;

static void sci_interrupt(void)
{
    if (power_button_take(&machine_facts()->power)) {
        button.foreign_count = 0;
        __atomic_store_n(&button.pressed, 1, __ATOMIC_RELEASE);
    } else if (++button.foreign_count == FOREIGN_MAX) {
        machine_mask_sci();
        __atomic_store_n(&button.masked, 1, __ATOMIC_RELEASE);
    }
}

void button_start(void)
{
    enum status status = power_button_start(&machine_facts()->power);
    if (status == STATUS_OK) {
        /* The handler first: the line may be asserted already. */
        irq_register(VECTOR_SCI, sci_interrupt);
        status = machine_route_sci(VECTOR_SCI) ? STATUS_OK : STATUS_NOT_FOUND;
    }
    if (status != STATUS_OK)
        log_debug("power button: %s", status == STATUS_UNSUPPORTED ? "only AML knows of it" : status_name(status));
}

bool button_waits(void)
{
    return __atomic_load_n(&button.pressed, __ATOMIC_ACQUIRE) || __atomic_load_n(&button.masked, __ATOMIC_ACQUIRE);
}

/* Spins: an alarm that would end a sleep is not to be relied on in the one thing that always has to work. */
static bool answer_is_off(void)
{
    for (uint64_t deadline = time_deadline(ANSWER_S * 1000000ull); !time_after(deadline); cpu_relax()) {
        (void)usb_poll(); /* whose interrupts only wake */
        int key = keyboard_read_key();
        if (__atomic_exchange_n(&button.pressed, 0, __ATOMIC_ACQUIRE) || key == 'y')
            return true;
        if (key != KEY_NONE)
            return false;
    }
    return true;
}

void button_serve(void)
{
    print("\n"); /* a line may be half typed */
    if (__atomic_exchange_n(&button.masked, 0, __ATOMIC_ACQUIRE))
        log_warn("power button: off, for its line interrupted %u times without it", FOREIGN_MAX);
    if (!__atomic_exchange_n(&button.pressed, 0, __ATOMIC_ACQUIRE))
        return;
    while (keyboard_read_key() != KEY_NONE)
        continue; /* typed before the question: no answer */
    print("power button: turning off in %u s; 'y' or the button again: now; any other key: not at all\n", ANSWER_S);
    if (answer_is_off())
        shutdown_off();
    else
        print("power button: staying on\n");
}
