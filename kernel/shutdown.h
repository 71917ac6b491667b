/*
 * Turning the machine off, and starting it anew.
 *
 * Rules: on the boot CPU, interrupts on, not from a handler. Each way is announced before it is tried, and said to have
 * failed when the machine is still running; every wait is bounded. A function that returns has tried them all.
 */
#ifndef KEEL_KERNEL_SHUTDOWN_H
#define KEEL_KERNEL_SHUTDOWN_H

/* ACPI's reset register, port 0xCF9, the keyboard controller, the firmware, a triple fault. */
void shutdown_reboot(void);

/*
 * ACPI's S5, the firmware. Where an in-kernel test has failed since the boot, QEMU is told so first, which ends it with
 * another status.
 */
void shutdown_off(void);

#endif
