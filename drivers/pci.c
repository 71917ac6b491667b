/*
 * Configuration access and enumeration.
 *
 *     ECAM, bus 0's base +  | 27:20 bus | 19:15 device | 14:12 function | 11:0 register |   PCI Express 7.2.2
 *     port 0xCF8     | 31: 1 | 23:16 bus | 15:11 device | 10:8  function | 7:2  register |   then 0xCFC is the register
 *
 * So ECAM has a page for each function and 1 MiB for each bus; the ports reach the first 256 bytes, in segment 0.
 *
 * Every bus of a segment is looked at, not only those that bridges lead to: machines with several host bridges have
 * root buses that no bridge announces, and rule 11 is about every function. Absent ones cost one read each.
 *
 * Rules: a function is silenced the moment it is found, before it is listed, so a full list loses names and no silence.
 * Bridges keep mastering, or what is behind them (a display) stops; a display keeps it, because the picture may come
 * from memory that firmware set aside. No BAR is sized: writing all ones there moves a frame buffer that is being drawn
 * on.
 */
#include "drivers/pci.h"

#include "kernel/base/check.h"
#include "kernel/x86/io.h"

/* PCI Local Bus 3.0, 3.2.2.3.2: configuration mechanism 1. */
#define PORT_ADDRESS   0xCF8u
#define PORT_DATA      0xCFCu
#define ADDRESS_ENABLE 0x80000000u

#define DEVICES_PER_BUS 32u
#define FUNCTIONS_MAX   8u

#define CONFIG_BYTES         256u
#define VENDOR_NONE          0xFFFFu
#define HEADER_MULTIFUNCTION 0x80u
#define COMMAND_MASK         0xFFFFu /* the status bits above are cleared by writing ones: write zeros */

/* Subclass 1 of class 0, "VGA-compatible": displays older than the class codes (PCI 3.0, appendix D). */
#define CLASS_UNCLASSIFIED        0x00u
#define SUBCLASS_UNCLASSIFIED_VGA 0x01u

static const struct pci_segment *pci_segment(const struct pci *pci, uint16_t number, uint8_t bus)
{
    for (uint32_t i = 0; i < pci->segment_count; i++) {
        const struct pci_segment *segment = &pci->segments[i];
        if (segment->number == number && bus >= segment->first_bus && bus <= segment->last_bus)
            return segment;
    }
    return NULL;
}

/* MCFG may split a segment into several bus ranges; they must not overlap. */
enum status pci_add_segment(struct pci *pci, struct pci_segment segment)
{
    if (segment.last_bus < segment.first_bus || (segment.ecam == NULL && segment.number != 0))
        return STATUS_INVALID;
    for (uint32_t i = 0; i < pci->segment_count; i++) {
        const struct pci_segment *other = &pci->segments[i];
        bool overlap = segment.first_bus <= other->last_bus && other->first_bus <= segment.last_bus;
        if (other->number == segment.number && overlap)
            return STATUS_INVALID;
    }
    if (pci->segment_count == PCI_SEGMENTS_MAX)
        return STATUS_LIMIT;
    pci->segments[pci->segment_count++] = segment;
    return STATUS_OK;
}

/* Gives the register's place in the ECAM (PCI Express 7.2.2), or NULL and the ports set to it. False: in no segment. */
static bool pci_reach(const struct pci *pci, struct pci_address address, uint32_t offset, volatile uint8_t **ecam)
{
    CHECK(offset < CONFIG_BYTES && offset % 4 == 0);
    CHECK(address.device < DEVICES_PER_BUS && address.function < FUNCTIONS_MAX);
    /*
     * 32-bit accesses only: some chipsets' ECAM has no other, and the ports have one address register for all widths.
     */
    const struct pci_segment *segment = pci_segment(pci, address.segment, address.bus);
    uint32_t function = (uint32_t)address.bus << 8 | (uint32_t)address.device << 3 | address.function;
    *ecam = NULL;
    if (segment == NULL)
        return false;
    if (segment->ecam != NULL)
        /* `ecam` is the mapping of first_bus, while the address counts from bus 0. */
        *ecam = segment->ecam + (((uint64_t)function << 12) - segment->first_bus * PCI_ECAM_BUS_BYTES + offset);
    else
        io_write32(PORT_ADDRESS, ADDRESS_ENABLE | function << 8 | offset);
    return true;
}

uint32_t pci_read32(const struct pci *pci, struct pci_address address, uint32_t offset)
{
    volatile uint8_t *ecam;
    if (!pci_reach(pci, address, offset, &ecam))
        return UINT32_MAX;
    return ecam != NULL ? mmio_read32(ecam) : io_read32(PORT_DATA);
}

void pci_write32(const struct pci *pci, struct pci_address address, uint32_t offset, uint32_t value)
{
    volatile uint8_t *ecam;
    if (!pci_reach(pci, address, offset, &ecam))
        return;
    if (ecam != NULL)
        mmio_write32(ecam, value);
    else
        io_write32(PORT_DATA, value);
}

bool pci_keeps_mastering(const struct pci_function *function)
{
    if (function->class_code == CLASS_UNCLASSIFIED)
        return function->subclass == SUBCLASS_UNCLASSIFIED_VGA;
    return function->class_code == PCI_CLASS_BRIDGE || function->class_code == PCI_CLASS_DISPLAY;
}

/* True when the function was a bus master, and may be one no longer. */
static bool pci_silence(const struct pci *pci, const struct pci_function *function)
{
    uint32_t command = pci_read32(pci, function->address, PCI_COMMAND) & COMMAND_MASK;
    if (pci_keeps_mastering(function) || (command & PCI_COMMAND_BUS_MASTER) == 0)
        return false;
    pci_write32(pci, function->address, PCI_COMMAND, command & ~PCI_COMMAND_BUS_MASTER);
    (void)pci_read32(pci, function->address, PCI_COMMAND); /* the write has arrived when the read comes back */
    return true;
}

/* Silences and lists the function. False: there is none. */
static bool pci_take_function(struct pci *pci, struct pci_address address)
{
    uint32_t identity = pci_read32(pci, address, PCI_VENDOR_ID);
    uint16_t vendor_id = (uint16_t)identity;
    if (vendor_id == VENDOR_NONE || vendor_id == 0) /* some absent functions read as 0 */
        return false;
    /* Config offset 8: class, subclass, interface, revision, from the top byte down (PCI 3.0, 6.2.1). */
    uint32_t class_register = pci_read32(pci, address, PCI_CLASS);
    struct pci_function function = {
        .address = address,
        .vendor_id = vendor_id,
        .device_id = (uint16_t)(identity >> 16),
        .class_code = (uint8_t)(class_register >> 24),
        .subclass = (uint8_t)(class_register >> 16),
        .interface = (uint8_t)(class_register >> 8),
    };
    function.silenced = pci_silence(pci, &function);
    pci->silenced_count += function.silenced;
    if (pci->function_count < pci->capacity)
        pci->functions[pci->function_count++] = function;
    else
        pci->dropped_count++;
    return true;
}

static void pci_take_device(struct pci *pci, struct pci_address address)
{
    if (!pci_take_function(pci, address))
        return;
    /* Without the bit, a device may answer at all eight functions with its only one (PCI 3.0, 3.2.2.3.4). */
    if ((pci_read32(pci, address, PCI_HEADER_TYPE) >> 16 & HEADER_MULTIFUNCTION) == 0)
        return;
    for (address.function = 1; address.function < FUNCTIONS_MAX; address.function++)
        (void)pci_take_function(pci, address);
}

void pci_quiesce(struct pci *pci)
{
    pci->function_count = 0;
    pci->dropped_count = 0;
    pci->silenced_count = 0;
    for (uint32_t i = 0; i < pci->segment_count; i++) {
        const struct pci_segment *segment = &pci->segments[i];
        for (uint32_t bus = segment->first_bus; bus <= segment->last_bus; bus++) {
            for (uint8_t device = 0; device < DEVICES_PER_BUS; device++) {
                struct pci_address address = {.segment = segment->number, .bus = (uint8_t)bus, .device = device};
                pci_take_device(pci, address);
            }
        }
    }
}
