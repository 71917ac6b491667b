/*
 * Bring-up, in the order of xHCI 1.2, 4.2. What the firmware left may be running, halted, or dead by an error: all
 * three are halted and reset alike, and every wait for that ends.
 */
#include "drivers/xhci.h"

#include "drivers/usb_device.h"
#include "kernel/base/bits.h"

#define PAGE_ORDER_MAX 9u /* of the controller's pages, in ours: 2 MiB */

/* xHCI 5.4.1.1: 16 ms to halt. The others have no bound; what takes longer than this never ends. */
#define HALT_US  100000u
#define TAKE_US  1000000u
#define RESET_US 1000000u
#define QUIET_US 1000u /* Intel's controllers hang the bus when touched within 1 ms of the reset's beginning */

/* Whether bits of a register come to be as wanted. Once more after the deadline: we may have been held up. */
static bool wait_for(const struct xhci *xhci, uint32_t offset, uint32_t mask, uint32_t wanted, uint64_t timeout_us)
{
    uint64_t deadline = xhci->services->now_us() + timeout_us;
    for (bool late = false; !late;) {
        late = xhci->services->now_us() >= deadline;
        uint32_t value = xhci_read(xhci, offset);
        if (value != UINT32_MAX && (value & mask) == wanted)
            return true;
    }
    return false;
}

enum status xhci_init(struct xhci *xhci, volatile void *registers, uint64_t window_bytes,
                      const struct xhci_services *services)
{
    *xhci = (struct xhci){.services = services, .registers = registers, .window_bytes = window_bytes};
    if (window_bytes < XHCI_CAPABILITY_BYTES)
        return STATUS_INVALID;
    uint32_t head = xhci_read(xhci, XHCI_CAPLENGTH);
    uint32_t sizes = xhci_read(xhci, XHCI_HCSPARAMS1);
    uint32_t scratchpads = xhci_read(xhci, XHCI_HCSPARAMS2);
    uint32_t abilities = xhci_read(xhci, XHCI_HCCPARAMS1);
    xhci->operational = head & 0xFF;
    xhci->version = (uint16_t)(head >> 16);
    xhci->runtime = xhci_read(xhci, XHCI_RTSOFF) & ~0x1Fu;
    xhci->doorbells = xhci_read(xhci, XHCI_DBOFF) & ~0x3u;
    xhci->extended = abilities >> 16 << 2;
    xhci->slot_count = (uint8_t)min_u64(sizes & 0xFF, USB_DEVICES_MAX);
    xhci->port_count = (uint8_t)min_u64(sizes >> 24, XHCI_PORTS_MAX);
    xhci->ports_cut = sizes >> 24 > XHCI_PORTS_MAX;
    xhci->scratchpad_count = (scratchpads >> 21 & 0x1F) << 5 | scratchpads >> 27;
    xhci->wide = (abilities & XHCI_HCCPARAMS1_AC64) != 0;
    xhci->context_bytes = (abilities & XHCI_HCCPARAMS1_CSZ) != 0 ? 64 : 32;
    bool inside = xhci->operational >= XHCI_CAPABILITY_BYTES &&
                  xhci->operational + XHCI_PORTSC + (uint64_t)XHCI_PORT_BYTES * xhci->port_count <= window_bytes &&
                  xhci->runtime + (uint64_t)XHCI_RUNTIME_BYTES <= window_bytes &&
                  xhci->doorbells + 4 * ((uint64_t)xhci->slot_count + 1) <= window_bytes;
    if (head == UINT32_MAX)
        return STATUS_NOT_FOUND;
    return inside && xhci->slot_count != 0 && xhci->port_count != 0 ? STATUS_OK : STATUS_INVALID;
}

/* ---- Taking it ---- */

/* xHCI 7.1: a semaphore. We ask by our bit, firmware's handler lets go by its own; one that does not is told off. */
static void take_legacy(struct xhci *xhci, uint32_t at)
{
    xhci_write(xhci, at, xhci_read(xhci, at) | XHCI_LEGACY_OURS);
    xhci->kept = !wait_for(xhci, at, XHCI_LEGACY_FIRMWARES, 0, TAKE_US);
    if (xhci->kept)
        xhci_write(xhci, at, xhci_read(xhci, at) & ~XHCI_LEGACY_FIRMWARES);
    uint32_t control = xhci_read(xhci, at + XHCI_LEGACY_CONTROL);
    xhci_write(xhci, at + XHCI_LEGACY_CONTROL, (control & ~XHCI_LEGACY_SMIS) | XHCI_LEGACY_EVENTS);
}

/* The list of extended capabilities (xHCI 7) leads forward only, so it ends. */
static void take_from_firmware(struct xhci *xhci)
{
    uint32_t next = xhci->extended;
    for (uint32_t at = next; next != 0 && at + XHCI_LEGACY_BYTES <= xhci->window_bytes; at += next) {
        uint32_t head = xhci_read(xhci, at);
        if ((head & 0xFF) == XHCI_LEGACY_ID)
            take_legacy(xhci, at);
        next = (head >> 8 & 0xFF) << 2;
    }
}

/* As far as it hears. */
static void halt(struct xhci *xhci)
{
    uint32_t on = XHCI_USBCMD_RUN | XHCI_USBCMD_INTERRUPT | XHCI_USBCMD_ERRORS;
    uint32_t command = xhci_read(xhci, xhci->operational + XHCI_USBCMD);
    xhci_write(xhci, xhci->operational + XHCI_USBCMD, command & ~on);
    (void)wait_for(xhci, xhci->operational + XHCI_USBSTS, XHCI_USBSTS_HALTED, XHCI_USBSTS_HALTED, HALT_US);
}

enum status xhci_take_over(struct xhci *xhci)
{
    take_from_firmware(xhci);
    halt(xhci); /* one with an error (HCE, xHCI 4.10.1) need not: the reset is what helps */
    xhci_write(xhci, xhci->operational + XHCI_USBCMD, XHCI_USBCMD_RESET);
    for (uint64_t quiet = xhci->services->now_us() + QUIET_US; xhci->services->now_us() < quiet;)
        ;
    bool ready = wait_for(xhci, xhci->operational + XHCI_USBCMD, XHCI_USBCMD_RESET, 0, RESET_US) &&
                 wait_for(xhci, xhci->operational + XHCI_USBSTS, XHCI_USBSTS_NOT_READY, 0, RESET_US);
    return ready ? STATUS_OK : STATUS_TIMEOUT;
}

/* ---- Running it ---- */

void *xhci_memory(struct xhci *xhci, unsigned order, uint64_t *address)
{
    void *pages = xhci->services->memory(order, true, address);
    return pages != NULL || !xhci->wide ? pages : xhci->services->memory(order, false, address);
}

/* Pages of its own size that the controller asks for, for itself, and a list of them: xHCI 4.20. */
static bool give_scratchpads(struct xhci *xhci, unsigned page_order)
{
    if (xhci->scratchpad_count == 0)
        return true;
    uint64_t *list = xhci_memory(xhci, xhci->scratchpad_count > PAGE_SIZE / sizeof(*list), &xhci->contexts[0]);
    bool good = list != NULL;
    for (uint32_t i = 0; good && i < xhci->scratchpad_count; i++)
        good = xhci_memory(xhci, page_order, &list[i]) != NULL;
    return good;
}

static bool give_memory(struct xhci *xhci, unsigned page_order)
{
    uint64_t events_address;
    uint8_t *page = xhci_memory(xhci, 0, &xhci->contexts_address);
    void *events = xhci_memory(xhci, 0, &events_address);
    xhci->input = xhci_memory(xhci, 0, &xhci->input_address);
    if (page == NULL || events == NULL || xhci->input == NULL)
        return false;
    xhci->contexts = (uint64_t *)(void *)page;
    xhci_ring_init(&xhci->commands, page + XHCI_COMMAND_RING, xhci->contexts_address + XHCI_COMMAND_RING,
                   XHCI_COMMAND_TRBS);
    xhci_events_init(&xhci->events, events, events_address, XHCI_EVENT_TRBS);
    xhci->contexts[XHCI_SEGMENT_TABLE / sizeof(uint64_t)] = events_address; /* xHCI 6.5 */
    xhci->contexts[XHCI_SEGMENT_TABLE / sizeof(uint64_t) + 1] = XHCI_EVENT_TRBS;
    return give_scratchpads(xhci, page_order);
}

/* The segment table's address last: with it the controller begins to believe the others (xHCI 5.5.2.3.2). */
static void program(struct xhci *xhci)
{
    uint32_t config = xhci_read(xhci, xhci->operational + XHCI_CONFIG) & ~XHCI_CONFIG_SLOTS;
    xhci_write(xhci, xhci->operational + XHCI_CONFIG, config | xhci->slot_count);
    xhci_write64(xhci, xhci->operational + XHCI_DCBAAP, xhci->contexts_address);
    xhci_write64(xhci, xhci->operational + XHCI_CRCR, xhci->commands.address | XHCI_CRCR_CYCLE);
    xhci_write(xhci, xhci->runtime + XHCI_ERSTSZ, 1);
    xhci_write64(xhci, xhci->runtime + XHCI_ERDP, xhci->events.address);
    xhci_write64(xhci, xhci->runtime + XHCI_ERSTBA, xhci->contexts_address + XHCI_SEGMENT_TABLE);
    xhci_write(xhci, xhci->runtime + XHCI_IMOD, XHCI_IMOD_INTERVAL);
    xhci_write(xhci, xhci->runtime + XHCI_IMAN, XHCI_IMAN_ENABLE | XHCI_IMAN_PENDING);
    xhci_write(xhci, xhci->operational + XHCI_USBCMD, XHCI_USBCMD_RUN | XHCI_USBCMD_INTERRUPT);
}

enum status xhci_start(struct xhci *xhci)
{
    uint32_t page_sizes = xhci_read(xhci, xhci->operational + XHCI_PAGESIZE) & 0xFFFF;
    if (page_sizes == 0 || bits_first(page_sizes) > PAGE_ORDER_MAX)
        return STATUS_UNSUPPORTED;
    if (!give_memory(xhci, bits_first(page_sizes)))
        return STATUS_NO_MEMORY;
    program(xhci);
    if (!wait_for(xhci, xhci->operational + XHCI_USBSTS, XHCI_USBSTS_HALTED, 0, HALT_US))
        return STATUS_TIMEOUT;
    xhci->running = true;
    xhci_ports_start(xhci);
    return STATUS_OK;
}

void xhci_give_up(struct xhci *xhci, const char *why)
{
    xhci->running = false;
    xhci->failure = why;
    halt(xhci);
    for (uint32_t i = 0; i < xhci->port_count; i++)
        usb_device_detach(xhci->ports[i].device);
    xhci->services->tell(xhci, USB_NEWS_DEAD, NULL);
}
