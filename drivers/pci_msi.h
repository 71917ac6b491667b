/*
 * Interrupts of PCI functions by message: MSI and MSI-X, one vector to one CPU.
 *
 * Owns: struct pci_messages, what a function has of both. The table of MSI-X lies in the function's device memory,
 * which the caller maps.
 * Rules: a message is a write to memory, so it needs bus mastering, which the caller turns on. Source: PCI Local Bus
 * 3.0, 6.8; SDM 3, 11.11 (what address and data mean to a local APIC).
 */
#ifndef KEEL_DRIVERS_PCI_MSI_H
#define KEEL_DRIVERS_PCI_MSI_H

#include "drivers/pci.h"

struct pci_messages {
    uint8_t msi;           /* the capability's offset; 0: it has none */
    uint8_t msix;          /* likewise */
    uint8_t table_bar;     /* MSI-X: which base address register the table lies behind */
    uint16_t table_count;  /* entries, 1 to 2048 */
    uint32_t table_offset; /* bytes from there */
};

/* A capability that does not fit the configuration space counts as none. */
struct pci_messages pci_find_messages(const struct pci *pci, struct pci_address address);

/* Of the whole table of MSI-X. */
uint32_t pci_msix_table_bytes(const struct pci_messages *messages);

/*
 * The function interrupts the CPU `apic_id` with `vector` (32 to 255, else a bug), by message alone: its line goes off.
 * `messages` are its own. By the first entry of MSI-X, all others silent, where there is a `table`, which is
 * pci_msix_table_bytes(messages) mapped uncached, with memory decoding on; NULL: by MSI. STATUS_NOT_FOUND: it has none
 * of that kind; STATUS_LIMIT: the address has eight bits for the ID, of which 255 means all.
 */
enum status pci_start_messages(const struct pci *pci, struct pci_address address, const struct pci_messages *messages,
                               volatile void *table, uint32_t apic_id, uint8_t vector) MUST_CHECK;

/* Neither kind is sent any more. */
void pci_stop_messages(const struct pci *pci, struct pci_address address);

#endif
