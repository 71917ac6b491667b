/*
 * PCI configuration space: access, the list of functions, and silence (rule 11). What a driver needs of its own
 * function, registers and interrupts, is in pci_bar.h and pci_msi.h.
 *
 * Owns: struct pci. Segments with ECAM are reached through memory that the caller mapped uncached, segment 0 without
 * it through ports 0xCF8/0xCFC. The table of functions lies in the caller's memory.
 * Rules: nothing here sizes a BAR (that would disturb a live display); what a device says is input. The caller
 * serialises. Source: PCI Local Bus 3.0, chapter 6; PCI Express Base 5.0, 7.2.2 (ECAM).
 */
#ifndef KEEL_DRIVERS_PCI_H
#define KEEL_DRIVERS_PCI_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

#define PCI_SEGMENTS_MAX 8u
#define PCI_BUSES        256u /* of a segment */

/* ECAM gives each bus 1 MiB of address space. */
#define PCI_ECAM_BUS_BYTES ((uint64_t)1 << 20)

struct pci_segment {
    volatile uint8_t *ecam; /* of first_bus; NULL: by ports, segment 0 only */
    uint16_t number;
    uint8_t first_bus;
    uint8_t last_bus;
};

struct pci_address {
    uint16_t segment;
    uint8_t bus;
    uint8_t device;
    uint8_t function;
};

struct pci_function {
    struct pci_address address;
    uint16_t vendor_id;
    uint16_t device_id;
    uint8_t class_code;
    uint8_t subclass;
    uint8_t interface;
    bool was_master; /* when pci_quiesce came to it */
    bool silenced;   /* pci_quiesce took its bus mastering away */
    bool driven;     /* a driver of ours has it, and may have given it back */
};

/* Starts zeroed but for `functions`, which holds `capacity` entries and outlives the struct. */
struct pci {
    struct pci_segment segments[PCI_SEGMENTS_MAX];
    uint32_t segment_count;
    struct pci_function *functions;
    uint32_t capacity;
    uint32_t function_count;
    uint32_t dropped_count; /* found but beyond `capacity`; they are silenced all the same */
    uint32_t silenced_count;
};

/* Registers (offsets) that others than this driver read. */
#define PCI_VENDOR_ID   0x00u
#define PCI_COMMAND     0x04u
#define PCI_CLASS       0x08u
#define PCI_HEADER_TYPE 0x0Cu

/* PCI Local Bus 3.0, 6.2.2: the command register is the low half, the status register the high half. */
#define PCI_COMMAND_IO          0x0001u
#define PCI_COMMAND_MEMORY      0x0002u
#define PCI_COMMAND_BUS_MASTER  0x0004u
#define PCI_COMMAND_INTX_OFF    0x0400u
#define PCI_STATUS_CAPABILITIES 0x00100000u

#define PCI_CLASS_DISPLAY 0x03u
#define PCI_CLASS_BRIDGE  0x06u

/* Class, subclass and interface: PCI 3.0, appendix D; xHCI 1.2, 5.2.3. */
#define PCI_CLASS_PCI_BRIDGE 0x060400u
#define PCI_CLASS_EHCI       0x0C0320u
#define PCI_CLASS_XHCI       0x0C0330u

/* Of a bridge: 15:8 the bus behind it, 23:16 the last of those behind it (PCI-to-PCI Bridge 1.2, 3.2.5). */
#define PCI_BRIDGE_BUSES 0x18u

/*
 * STATUS_LIMIT: PCI_SEGMENTS_MAX. STATUS_INVALID: last_bus < first_bus, buses that are there already, or no ECAM
 * beyond segment 0. A segment may come in several pieces, as MCFG has it.
 */
enum status pci_add_segment(struct pci *pci, struct pci_segment segment) MUST_CHECK;

/*
 * Finds every function on every bus of every segment (pci.c says why that is more than bridges lead to), and takes bus
 * mastering and interrupts, by line and by message, from those that are neither a bridge nor a display.
 */
void pci_quiesce(struct pci *pci);

/* 32 bits at `offset` (multiple of 4, below 256). All ones where nothing answers or the address is in no segment. */
uint32_t pci_read32(const struct pci *pci, struct pci_address address, uint32_t offset);
void pci_write32(const struct pci *pci, struct pci_address address, uint32_t offset, uint32_t value);

/* Clears bits of the command register, then sets some; on return that has arrived. Returns what it was before. */
uint32_t pci_change_command(const struct pci *pci, struct pci_address address, uint32_t clear, uint32_t set);

/* The offset of the first capability with that ID (PCI 3.0, 6.7 and appendix H), from 0x40 on; 0: it has none. */
uint32_t pci_find_capability(const struct pci *pci, struct pci_address address, uint8_t id);

/* The first listed function behind `after` (NULL: of all) of that class, subclass and interface (24 bits), or NULL. */
struct pci_function *pci_next_of_class(const struct pci *pci, const struct pci_function *after, uint32_t class_code);

/* What must stay a bus master: bridges, which pass on what others send, and displays, which fetch their picture. */
bool pci_keeps_mastering(const struct pci_function *function);

/* "Ethernet controller", or the class's name where the subclass is not known; never NULL. */
const char *pci_class_name(uint8_t class_code, uint8_t subclass);

#endif
