/*
 * The kernel's life, one step a line, and what is possible from there on behind it.
 *
 * boot/ (phases F and N of docs/architecture.md) jumps to kernel_main with interrupts off, on the boot CPU, on the boot
 * stack, in the first page tables. The order is the contract of the hand-off: each step needs what stands above it.
 */
#include "kernel/main.h"

#include "kernel/button.h"
#include "kernel/console.h"
#include "kernel/crash.h"
#include "kernel/display.h"
#include "kernel/image.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/monitor.h"
#include "kernel/numa.h"
#include "kernel/options.h"
#include "kernel/runtime.h"
#include "kernel/smp.h"
#include "kernel/tables.h"
#include "kernel/time.h"
#include "kernel/timeline.h"
#include "kernel/trap.h"
#include "kernel/usb.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/protector.h"

struct step {
    const char *name; /* in the table that `boot` prints */
    void (*run)(void);
};

static const struct step steps[] = {
    {"screen", display_start},                /* see: text is on the panel too */
    {"acpi", machine_discover},               /* discover: what there is */
    {"interrupts", machine_start_interrupts}, /* receive: serial bytes arrive */
    {"time", machine_start_time},             /* wait: with a time-out */
    {"cpus", machine_start_cpus},             /* all CPUs work */
    {"nodes", numa_start},                    /* prefer: what is near each of them */
    {"page array", memory_describe},          /* every frame is described, by all of them */
    {"pci", machine_quiesce},                 /* silence: no device writes to memory behind our back */
    {"tables", tables_keep},                  /* firmware's tables stay where they are */
    {"reclaim", memory_reclaim},              /* own: what boot services held is free */
    {"runtime", runtime_start},               /* ask the firmware: its clock, its variables */
    {"clock", time_settle},                   /* measure: time is exact, and an alarm ends a sleep */
    {"crash", crash_start},                   /* remember: what the last boot died of */
    {"usb", usb_start},                       /* plug in: USB keyboards are found */
    {"keyboard", machine_start_keyboard},     /* type: once firmware has let go of USB controllers */
    {"button", button_start},                 /* obey: the power button asks */
};

static NORETURN void run_on_own_stack(void)
{
    for (unsigned i = 0; i < ARRAY_COUNT(steps); i++) {
        console_step(steps[i].name); /* what stops shows where, on a machine without a serial port too */
        steps[i].run();
        timeline_mark(steps[i].name);
    }
    timeline_ready();
    monitor_start(); /* talk */
}

NORETURN void kernel_main(const struct handoff *handoff)
{
    trap_init();              /* fault: a panic names what happened */
    machine_start_serial();   /* print: the port, and a ring for what comes later */
    image_init();             /* name: sections, symbols, unwind tables */
    memory_accept(handoff);   /* trust: the hand-off is whole and ours */
    protector_start(memory_handoff()->stack_cookie); /* notice: a smashed stack */
    options_load(memory_handoff()->command_line);
    display_mark(MARK_MEMORY);
    memory_start();           /* allocate */
    smp_init_boot_cpu();      /* stacks with guard pages */
    timeline_mark("memory");
    cpu_enter_stack(run_on_own_stack, this_cpu()->stack_top);
}
