/*
 * PCI functions for drivers: a function taken, its registers mapped, its interrupt routed, its DMA let loose.
 *
 *     function = pci_next_of_class(...)      drivers/pci.h, over machine_facts()->pci
 *     registers = device_take(function, 0, &size_bytes)
 *     ... the driver stops what firmware left running ...
 *     device_route(function, vector)         or it polls
 *     device_start_mastering(function)
 *
 * Rules: after machine_quiesce, on the boot CPU, not from a handler. What does not work is logged here.
 */
#ifndef KEEL_KERNEL_DEVICE_H
#define KEEL_KERNEL_DEVICE_H

#include "drivers/pci.h"

/*
 * The registers behind base address register `bar_index` (memory), mapped uncached for good, memory decoding on; their
 * size in *size_bytes. Interrupts and bus mastering are off: the device may still mean to do what firmware told it.
 * NULL: there is no such thing, it is ports, or lies in RAM.
 */
volatile void *device_take(struct pci_function *function, unsigned bar_index, uint64_t *size_bytes);

/*
 * The function interrupts this CPU with `vector`, by MSI-X or MSI. STATUS_NOT_FOUND: it has neither; STATUS_LIMIT: this
 * CPU's APIC ID does not fit. The driver polls then.
 */
enum status device_route(const struct pci_function *function, uint8_t vector) MUST_CHECK;

/* Only now may it write to memory. */
void device_start_mastering(struct pci_function *function);
void device_stop_mastering(struct pci_function *function);

#endif
