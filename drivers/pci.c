/*
 * Configuration access and enumeration.
 *
 * Every bus of a segment is looked at, not only those that bridges lead to: machines with several host bridges have
 * root buses that no bridge announces, and rule 11 is about every function. Absent ones cost one read each.
 */
#include "drivers/pci.h"

#include "kernel/base/check.h"
#include "kernel/x86/io.h"

/* PCI Local Bus 3.0, 3.2.2.3.2: configuration mechanism 1. */
#define PORT_ADDRESS   0xCF8u
#define PORT_DATA      0xCFCu
#define ADDRESS_ENABLE 0x80000000u

#define BUS_SHIFT       20u /* PCI Express 7.2.2: ECAM address bits */
#define PORT_BUS_SHIFT  16u
#define DEVICES_PER_BUS 32u
#define FUNCTIONS_MAX   8u

#define CONFIG_BYTES         256u
#define VENDOR_NONE          0xFFFFu
#define HEADER_MULTIFUNCTION 0x80u
#define COMMAND_MASK         0xFFFFu /* the status bits above are cleared by writing ones: write zeros */

/* Subclass 1 of class 0, "VGA-compatible": displays older than the class codes (PCI 3.0, appendix D). */
#define CLASS_UNCLASSIFIED        0x00u
#define SUBCLASS_UNCLASSIFIED_VGA 0x01u

void pci_init(struct pci *pci, struct pci_function *functions, uint32_t capacity)
{
    *pci = (struct pci){.functions = functions, .capacity = capacity};
}

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

/* Device and function as one number, as both mechanisms have it. */
static uint32_t pci_devfn(struct pci_address address)
{
    return (uint32_t)(address.device << 3 | address.function);
}

static volatile uint8_t *pci_ecam(const struct pci_segment *segment, struct pci_address address, uint32_t offset)
{
    uint32_t bus = (uint32_t)(address.bus - segment->first_bus);
    return segment->ecam + ((uint64_t)bus << BUS_SHIFT) + ((uint64_t)pci_devfn(address) << 12) + offset;
}

static void pci_select(struct pci_address address, uint32_t offset)
{
    uint32_t place = (uint32_t)address.bus << PORT_BUS_SHIFT | pci_devfn(address) << 8 | offset;
    io_write32(PORT_ADDRESS, ADDRESS_ENABLE | place);
}

uint32_t pci_read32(const struct pci *pci, struct pci_address address, uint32_t offset)
{
    CHECK(offset < CONFIG_BYTES && offset % 4 == 0);
    CHECK(address.device < DEVICES_PER_BUS && address.function < FUNCTIONS_MAX);
    const struct pci_segment *segment = pci_segment(pci, address.segment, address.bus);
    if (segment == NULL)
        return UINT32_MAX;
    if (segment->ecam != NULL)
        return mmio_read32(pci_ecam(segment, address, offset));
    pci_select(address, offset);
    return io_read32(PORT_DATA);
}

void pci_write32(const struct pci *pci, struct pci_address address, uint32_t offset, uint32_t value)
{
    CHECK(offset < CONFIG_BYTES && offset % 4 == 0);
    CHECK(address.device < DEVICES_PER_BUS && address.function < FUNCTIONS_MAX);
    const struct pci_segment *segment = pci_segment(pci, address.segment, address.bus);
    if (segment == NULL)
        return;
    if (segment->ecam != NULL) {
        mmio_write32(pci_ecam(segment, address, offset), value);
        return;
    }
    pci_select(address, offset);
    io_write32(PORT_DATA, value);
}

typedef void pci_visitor(struct pci *pci, const struct pci_function *function);

static struct pci_function pci_describe(const struct pci *pci, struct pci_address address, uint32_t identity)
{
    uint32_t class_register = pci_read32(pci, address, PCI_CLASS);
    uint32_t header = pci_read32(pci, address, PCI_HEADER_TYPE) >> 16 & 0xFF;
    return (struct pci_function){
        .address = address,
        .vendor_id = (uint16_t)identity,
        .device_id = (uint16_t)(identity >> 16),
        .class_code = (uint8_t)(class_register >> 24),
        .subclass = (uint8_t)(class_register >> 16),
        .interface = (uint8_t)(class_register >> 8),
        .revision = (uint8_t)class_register,
        .header_type = (uint8_t)(header & ~HEADER_MULTIFUNCTION),
    };
}

/* Vendor 0xFFFF is nobody; so is 0, which some absent functions read as. */
static bool pci_present(uint32_t identity)
{
    uint32_t vendor = identity & 0xFFFF;
    return vendor != VENDOR_NONE && vendor != 0;
}

static void pci_visit_device(struct pci *pci, struct pci_address address, pci_visitor *visit)
{
    uint32_t identity = pci_read32(pci, address, PCI_VENDOR_ID);
    if (!pci_present(identity))
        return;
    bool several = (pci_read32(pci, address, PCI_HEADER_TYPE) >> 16 & HEADER_MULTIFUNCTION) != 0;
    uint8_t function_count = several ? FUNCTIONS_MAX : 1;
    for (; address.function < function_count; address.function++) {
        identity = pci_read32(pci, address, PCI_VENDOR_ID);
        if (!pci_present(identity))
            continue;
        struct pci_function function = pci_describe(pci, address, identity);
        visit(pci, &function);
    }
}

static void pci_visit_all(struct pci *pci, pci_visitor *visit)
{
    for (uint32_t i = 0; i < pci->segment_count; i++) {
        const struct pci_segment *segment = &pci->segments[i];
        for (uint32_t bus = segment->first_bus; bus <= segment->last_bus; bus++) {
            for (uint8_t device = 0; device < DEVICES_PER_BUS; device++) {
                struct pci_address address = {.segment = segment->number, .bus = (uint8_t)bus, .device = device};
                pci_visit_device(pci, address, visit);
            }
        }
    }
}

static void pci_note(struct pci *pci, const struct pci_function *function)
{
    if (pci->function_count < pci->capacity)
        pci->functions[pci->function_count++] = *function;
    else
        pci->dropped_count++;
}

enum status pci_enumerate(struct pci *pci)
{
    pci->function_count = 0;
    pci->dropped_count = 0;
    pci_visit_all(pci, pci_note);
    if (pci->dropped_count != 0)
        return STATUS_LIMIT;
    return pci->function_count == 0 ? STATUS_NOT_FOUND : STATUS_OK;
}

static bool pci_keeps_mastering(const struct pci_function *function)
{
    if (function->class_code == CLASS_UNCLASSIFIED)
        return function->subclass == SUBCLASS_UNCLASSIFIED_VGA;
    return function->class_code == PCI_CLASS_BRIDGE || function->class_code == PCI_CLASS_DISPLAY;
}

static bool pci_silence(const struct pci *pci, const struct pci_function *function)
{
    if (pci_keeps_mastering(function))
        return false;
    uint32_t command = pci_read32(pci, function->address, PCI_COMMAND) & COMMAND_MASK;
    if ((command & PCI_COMMAND_BUS_MASTER) == 0)
        return false;
    pci_write32(pci, function->address, PCI_COMMAND, command & ~PCI_COMMAND_BUS_MASTER);
    (void)pci_read32(pci, function->address, PCI_COMMAND); /* the write has arrived when the read comes back */
    return true;
}

static void pci_silence_visited(struct pci *pci, const struct pci_function *function)
{
    if (pci_silence(pci, function))
        pci->silenced_count++;
}

uint32_t pci_quiesce(struct pci *pci)
{
    pci->silenced_count = 0;
    for (uint32_t i = 0; i < pci->function_count; i++) {
        pci->functions[i].silenced = pci_silence(pci, &pci->functions[i]);
        pci->silenced_count += pci->functions[i].silenced;
    }
    if (pci->dropped_count != 0)
        pci_visit_all(pci, pci_silence_visited);
    return pci->silenced_count;
}
