/*
 * The base address registers of a PCI function: where its ports and its device memory are.
 *
 * Owns: nothing; struct pci_bar is a value read from the function.
 * Rules: pci_next_bar only reads. pci_size_bar is for a function that a driver is about to take and nobody uses: it
 * turns the function's decoding off for a moment. Source: PCI Local Bus 3.0, 6.2.5.1.
 */
#ifndef KEEL_DRIVERS_PCI_BAR_H
#define KEEL_DRIVERS_PCI_BAR_H

#include "drivers/pci.h"

struct pci_bar {
    uint64_t base;     /* a port, or a physical address */
    uint8_t index;     /* of its register, 0 to 5; with 64 bits of the lower one */
    uint8_t next;      /* where the walk goes on; 0: it begins */
    bool is_io;        /* ports */
    bool wide;         /* 64 bits */
    bool prefetchable; /* memory without side effects */
};

/*
 * The next base address register that firmware gave an address; false: there is none. A walk:
 * for (struct pci_bar bar = {0}; pci_next_bar(pci, address, &bar);)
 */
bool pci_next_bar(const struct pci *pci, struct pci_address address, struct pci_bar *bar);

/*
 * How many bytes `bar`, one of that function's, decodes: a power of two that its base is a multiple of. Everything is
 * as it was afterwards. STATUS_UNSUPPORTED: a display or a bridge, which are in use; STATUS_INVALID: nothing sensible.
 */
enum status pci_size_bar(const struct pci *pci, const struct pci_function *function, const struct pci_bar *bar,
                         uint64_t *size_bytes) MUST_CHECK;

#endif
