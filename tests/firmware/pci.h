/*
 * PCI devices of bus 0, as firmware reaches them: configuration space by ports, before the exit and after it.
 *
 * Function 0 of a device only; devices are named by their number on the bus.
 * Source: PCI Local Bus 3.0, 3.2.2.3.2 (mechanism #1) and chapter 6.
 */
#ifndef KEEL_TESTS_FIRMWARE_PCI_H
#define KEEL_TESTS_FIRMWARE_PCI_H

#include "kernel/base/types.h"

/* 6.2: offsets. */
#define PCI_ID      0x00u /* device << 16 | vendor */
#define PCI_COMMAND 0x04u
#define PCI_BAR0    0x10u

/* 6.2.5.1: an address register is an address and some bits that say of what. */
#define PCI_BAR_MEMORY 0xFFFFFFF0u
#define PCI_BAR_PORT   0xFFFFFFFCu

/* The first device with that identity, made to answer and to be a bus master. False: there is none. */
bool pci_find(uint32_t identity, uint32_t *device);

uint32_t pci_read(uint32_t device, uint32_t offset);
void pci_write(uint32_t device, uint32_t offset, uint32_t value);

#endif
