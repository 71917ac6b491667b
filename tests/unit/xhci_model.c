/* See xhci_model.h. Numbers of sections are of xHCI 1.2. */
#include "tests/unit/xhci_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/base/check.h"

#define OPERATIONAL 0x40u
#define PORTS       (OPERATIONAL + 0x400u)
#define RUNTIME     0x600u
#define DOORBELLS   0x800u
#define EXTENDED    0xC00u

#define LOW_BASE  0x10000000u  /* physical addresses are those of the host's mapping at these places */
#define HIGH_BASE 0x200000000000u
#define AREA      (16u << 20)

/* What the driver must do right, as long as nobody tells it nonsense. */
#define EXPECT(condition) CHECK(model.lenient || (condition))

struct model model;
static uint64_t low_used, high_used;

static uint32_t *reg(uint32_t offset)
{
    return &model.registers[offset / 4];
}

static uint64_t reg64(uint32_t offset)
{
    return *reg(offset) | (uint64_t)*reg(offset + 4) << 32;
}

/* What the controller reaches: only memory that was given. */
static void *at(uint64_t address)
{
    bool low = address >= LOW_BASE && address < LOW_BASE + low_used;
    bool high = address >= HIGH_BASE && address < HIGH_BASE + high_used;
    CHECK(low || (high && !model.narrow_addresses));
    return (void *)(uintptr_t)address;
}

/* ---- Services ---- */

static uint64_t now(void)
{
    return model.now_us += 50;
}

static void *take_memory(unsigned order, bool low, uint64_t *address)
{
    uint64_t *used = low ? &low_used : &high_used;
    uint64_t size_bytes = PAGE_SIZE << order;
    if (low && model.no_low_memory)
        return NULL;
    *used = align_up(*used, size_bytes);
    CHECK(*used + size_bytes <= AREA);
    *address = (low ? LOW_BASE : HIGH_BASE) + *used;
    *used += size_bytes;
    *(low ? &model.pages_low : &model.pages_high) += 1u << order;
    return memset((void *)(uintptr_t)*address, 0, size_bytes);
}

static void tell(struct xhci *xhci, enum usb_news news, struct usb_device *device)
{
    (void)xhci;
    if (model.news_count < MODEL_NEWS) {
        model.news[model.news_count] = news;
        model.news_paths[model.news_count][0] = '\0';
        if (device != NULL)
            usb_path(device, model.news_paths[model.news_count]);
        model.news_count++;
    }
    if (news == USB_NEWS_DEVICE && device->facts.function.kind == USB_KIND_KEYBOARD)
        model.keyboard = device;
}

static void press(const struct usb_device *device, struct key_event event)
{
    CHECK(device->state == USB_DEVICE_RUNNING);
    if (model.key_count < MODEL_KEYS)
        model.keys[model.key_count++] = event;
}

const struct xhci_services model_services = {now, take_memory, tell, press};

int model_told(enum usb_news news, const char *path)
{
    for (uint32_t i = 0; i < model.news_count; i++)
        if (model.news[i] == news && strcmp(model.news_paths[i], path) == 0)
            return (int)i;
    return -1;
}

/* ---- Life ---- */

void model_begin(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
    memset(&model, 0, sizeof(model));
    low_used = high_used = 0;
    CHECK(mmap((void *)(uintptr_t)LOW_BASE, AREA, PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED);
    CHECK(mmap((void *)(uintptr_t)HIGH_BASE, AREA, PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED);
}

void model_end(void)
{
    munmap((void *)(uintptr_t)LOW_BASE, AREA);
    munmap((void *)(uintptr_t)HIGH_BASE, AREA);
}

void model_start(void)
{
    model.event_cycle = true;
    *reg(0x00) = OPERATIONAL | 0x0110u << 16;
    *reg(0x04) = MODEL_DEVICES | 1u << 8 | MODEL_PORTS << 24;
    *reg(0x08) = (model.scratchpads & 0x1F) << 27 | (model.scratchpads >> 5) << 21;
    *reg(0x10) = (model.narrow_addresses ? 0u : 1u) | (model.wide_contexts ? 4u : 0u) | 8u | EXTENDED / 4 << 16;
    *reg(0x14) = DOORBELLS;
    *reg(0x18) = RUNTIME;
    *reg(OPERATIONAL + 0x04) = 0; /* running */
    *reg(OPERATIONAL + 0x00) = 1;
    *reg(OPERATIONAL + 0x08) = 1;
    *reg(EXTENDED) = model.legacy ? 0x00010401u : 0x00000402u;
    *reg(EXTENDED + 4) = model.legacy ? 0x0000E011u | 0x000E0000u : 0;
    *reg(EXTENDED + 16) = 0x03000002u;
}

/* ---- Events ---- */

void model_event(uint64_t parameter, uint32_t status, uint32_t control)
{
    uint64_t *segment = at(reg64(RUNTIME + 0x30));
    struct xhci_trb *trb = (struct xhci_trb *)at(segment[0]) + model.event_next;
    *trb = (struct xhci_trb){parameter, status, (control & ~1u) | model.event_cycle};
    if (++model.event_next == (uint32_t)segment[1]) {
        model.event_next = 0;
        model.event_cycle = !model.event_cycle;
    }
    *reg(OPERATIONAL + 0x04) |= XHCI_USBSTS_EINT;
}

static void port_event(unsigned root_port)
{
    if ((*reg(OPERATIONAL) & 1) != 0)
        model_event((uint64_t)root_port << 24, 1u << 24, XHCI_EVENT_PORT << 10);
}

/* ---- Ports ---- */

void model_plug(unsigned root_port, struct model_device *device)
{
    uint32_t *port = reg(PORTS + 16 * (root_port - 1));
    device->plugged = true;
    device->protocol = 1;
    model.roots[root_port - 1] = device;
    bool super = device->speed >= USB_SPEED_SUPER;
    *port = (*port & 0x0E00C200u) | 1u | (super ? 2u : 0u) | (uint32_t)device->speed << 10 | 1u << 17;
    port_event(root_port);
}

void model_unplug(unsigned root_port)
{
    uint32_t *port = reg(PORTS + 16 * (root_port - 1));
    model.roots[root_port - 1]->plugged = false;
    model.roots[root_port - 1] = NULL;
    *port = (*port & 0x0E00C200u) | 1u << 17;
    port_event(root_port);
}

static void write_port(unsigned index, uint32_t value)
{
    uint32_t *port = reg(PORTS + 16 * index);
    uint32_t changes = *port & XHCI_PORT_CHANGES & ~value;
    EXPECT((value & 2u) == 0); /* that would turn it off */
    *port = (*port & ~(XHCI_PORT_CHANGES | XHCI_PORT_KEPT)) | changes | (value & XHCI_PORT_KEPT);
    if ((value & (XHCI_PORT_RESET | XHCI_PORT_WARM_RESET)) != 0 && model.roots[index] != NULL) {
        model.resets++;
        *port |= 2u | 1u << 21;
        port_event(index + 1);
    }
}

/* ---- Devices ---- */

static struct xhci_trb *next_of(struct model_device *device, unsigned endpoint)
{
    struct xhci_trb *trb = at(device->rings[endpoint]);
    if ((trb->control & 1) != device->cycles[endpoint])
        return NULL;
    if ((trb->control >> 10 & 0x3F) == 6) {
        device->rings[endpoint] = trb->parameter;
        device->cycles[endpoint] ^= (trb->control & 2) != 0;
        return next_of(device, endpoint);
    }
    device->rings[endpoint] += sizeof(*trb);
    return trb;
}

static void transfer_event(struct model_device *device, unsigned endpoint, uint64_t address, uint8_t code,
                           uint32_t left_bytes)
{
    model_event(address, (uint32_t)code << 24 | left_bytes,
                XHCI_EVENT_TRANSFER << 10 | endpoint << 16 | (uint32_t)device->slot << 24);
}

void model_report(struct model_device *device, const void *report, unsigned size_bytes, uint8_t code)
{
    struct xhci_trb *trb = device->rings[3] != 0 ? next_of(device, 3) : NULL;
    EXPECT(trb != NULL && !device->halted[3]);
    if (trb == NULL || device->halted[3])
        return;
    uint32_t room = trb->status & 0x1FFFF;
    CHECK(size_bytes <= room);
    if (size_bytes != 0)
        memcpy(at(trb->parameter), report, size_bytes);
    device->halted[3] = code != 1;
    transfer_event(device, 3, (uintptr_t)trb, code == 1 && size_bytes < room ? 13 : code, room - size_bytes);
}

static void hub_changed(struct model_device *hub, unsigned port)
{
    uint8_t bits = (uint8_t)(1u << port);
    model_report(hub, &bits, 1, 1);
}

void model_plug_hub(struct model_device *hub, unsigned port, struct model_device *device)
{
    hub->behind[port - 1] = device;
    bool super = hub->speed >= USB_SPEED_SUPER;
    hub->status[port] = super ? 0x0200 : 0x0100;
    hub->changes[port] |= 1;
    if (device != NULL) {
        device->plugged = true;
        device->protocol = 1;
        hub->status[port] |= super ? 3 : 1;
    }
    hub_changed(hub, port);
}

/* A keyboard whose second interface it is; a hub of four ports; something else. Returns the length. */
static unsigned describe(const struct model_device *device, uint16_t value, uint8_t *to)
{
    bool super = device->speed >= USB_SPEED_SUPER;
    const uint8_t head[] = {18, 1, 0, 2, device->class_code == 9 ? 9 : 0, 0, 0, super ? 9 : device->packet_bytes,
                            0x34, 0x12, 0x78, 0x56, 0, 1, 0, 0, 0, 1};
    const uint8_t keyboard[] = {9, 2, 59, 0, 2, 7, 0, 0xA0, 50, 9, 4, 0, 0, 1, 3, 0, 0, 0, 9, 0x21, 0, 1, 0, 1, 0x22, 9,
                                0, 7, 5, 0x82, 3, 16, 0, 4, 9, 4, 1, 0, 1, 3, 1, 1, 0, 9, 0x21, 0, 1, 0, 1, 0x22, 9, 0,
                                7, 5, 0x81, 3, 8, 0, 10};
    const uint8_t other[] = {9, 2, 25, 0, 1, 1, 0, 0xA0, 50, 9, 4, 0, 0, 1, device->class_code, 0, 0, 0, 7, 5, 0x81, 3,
                             2, 0, 12};
    const uint8_t hub[] = {super ? 12 : 9, super ? 0x2A : 0x29, 4, 0x60, 0, 10, 0, 0, 0, 0, 0, 0};
    if (value >> 8 == 1)
        return (unsigned)((uint8_t *)memcpy(to, head, sizeof(head)) - to) + sizeof(head);
    if (value >> 8 == 2 && device->class_code == 3)
        return (unsigned)((uint8_t *)memcpy(to, keyboard, sizeof(keyboard)) - to) + sizeof(keyboard);
    if (value >> 8 == 2)
        return (unsigned)((uint8_t *)memcpy(to, other, sizeof(other)) - to) + sizeof(other);
    memcpy(to, hub, sizeof(hub));
    return hub[0];
}

static bool obey_hub(struct model_device *hub, uint8_t type, uint8_t request, uint16_t value, uint16_t index)
{
    unsigned port = index & 0xFF;
    if (type == 0x20 && request == 12)
        hub->depth = value;
    if (type != 0x23)
        return type == 0x20;
    EXPECT(port >= 1 && port <= 4);
    if (port < 1 || port > 4)
        return false;
    if (request == 3 && value == 8)
        hub->status[port] |= 0x0100;
    if (request == 3 && value == 4 && hub->behind[port - 1] != NULL) {
        uint8_t speed = hub->behind[port - 1]->speed;
        model.resets++;
        hub->status[port] |= (uint16_t)(2u | (speed == USB_SPEED_LOW ? 0x200u : speed == USB_SPEED_HIGH ? 0x400u : 0));
        hub->changes[port] |= 0x10;
        hub_changed(hub, port);
    }
    if (request == 1)
        hub->changes[port] &= (uint16_t) ~(1u << (value - 16));
    return true;
}

static bool obey(struct model_device *device, const uint8_t *setup, uint8_t *data, unsigned *data_bytes)
{
    uint8_t type = setup[0];
    uint8_t request = setup[1];
    uint16_t value = (uint16_t)(setup[2] | setup[3] << 8);
    uint16_t index = (uint16_t)(setup[4] | setup[5] << 8);
    if (device->stalls != 0 && request == device->stalls)
        return false;
    if ((type == 0x80 || type == 0xA0) && request == 6) {
        *data_bytes = describe(device, value, data);
        return type == 0x80 || device->configuration != 0;
    }
    if (type == 0xA3 && request == 0 && index >= 1 && index <= 4) {
        uint16_t words[2] = {device->status[index], device->changes[index]};
        memcpy(data, words, *data_bytes = 4);
    } else if (type == 0x00 && request == 9) {
        device->configuration = (uint8_t)value;
    } else if (type == 0x02 && request == 1) {
        EXPECT(index == 0x81);
        device->clear_halts++;
    } else if (type == 0x21) {
        EXPECT(index == 1); /* the keyboard's interface */
        if (request == 11)
            device->protocol = (uint8_t)value;
        if (request == 10)
            device->idle++;
        if (request == 9)
            device->lights = data[0];
    } else {
        return obey_hub(device, type, request, value, index);
    }
    return true;
}

static void run_control(struct model_device *device)
{
    struct xhci_trb *trb;
    while (device->plugged && !device->silent && !device->halted[1] && (trb = next_of(device, 1)) != NULL) {
        struct xhci_trb *setup = trb;
        CHECK((setup->control >> 10 & 0x3F) == 2 && (setup->control & 0x40) != 0 && setup->status == 8);
        const uint8_t *words = (const uint8_t *)&setup->parameter;
        unsigned wanted = (unsigned)(words[6] | words[7] << 8);
        CHECK((wanted != 0) == (setup->control >> 16 != 0));
        struct xhci_trb *data = wanted != 0 ? next_of(device, 1) : NULL;
        uint8_t answer[256] = {0};
        unsigned given = wanted;
        if (data != NULL && (words[0] & 0x80) == 0)
            memcpy(answer, at(data->parameter), wanted);
        bool good = obey(device, words, answer, &given);
        if (!good) {
            device->halted[1] = true;
            transfer_event(device, 1, (uintptr_t)(data != NULL ? data : setup), XHCI_CODE_STALL, 0);
            return;
        }
        given = given < wanted ? given : wanted;
        if (data != NULL && (words[0] & 0x80) != 0)
            memcpy(at(data->parameter), answer, given);
        if (data != NULL && given < wanted)
            transfer_event(device, 1, (uintptr_t)data, 13, wanted - given);
        trb = next_of(device, 1);
        CHECK(trb != NULL && (trb->control >> 10 & 0x3F) == 4);
        transfer_event(device, 1, (uintptr_t)trb, 1, 0);
    }
}

/* ---- Commands ---- */

static uint32_t *context(uint64_t input, unsigned entry)
{
    return (uint32_t *)at(input) + entry * (model.wide_contexts ? 16 : 8);
}

/* By root port and route, through the hubs. */
static struct model_device *find(const uint32_t *slot)
{
    struct model_device *device = model.roots[(slot[1] >> 16 & 0xFF) - 1];
    for (uint32_t route = slot[0] & 0xFFFFF; route != 0 && device != NULL; route >>= 4)
        device = (route & 0xF) >= 1 && (route & 0xF) <= 4 ? device->behind[(route & 0xF) - 1] : NULL;
    return device;
}

static void set_ring(struct model_device *device, unsigned endpoint, uint64_t dequeue)
{
    device->rings[endpoint] = dequeue & ~0xFull;
    device->cycles[endpoint] = dequeue & 1;
    device->halted[endpoint] = false;
}

static uint8_t address(uint8_t number, uint64_t input)
{
    uint32_t *slot = context(input, 1);
    uint32_t *endpoint = context(input, 2);
    struct model_device *device = find(slot);
    CHECK(context(input, 0)[1] == 3 && (endpoint[1] >> 3 & 7) == 4);
    if (device == NULL || model.slots[number] != NULL)
        return 4;
    EXPECT((slot[0] >> 20 & 0xF) == device->speed);
    at(((uint64_t *)at(reg64(OPERATIONAL + 0x30)))[number]);
    model.slots[number] = device;
    device->slot = number;
    device->configuration = 0;
    set_ring(device, 1, endpoint[2] | (uint64_t)endpoint[3] << 32);
    return 1;
}

static uint8_t configure(uint8_t number, uint64_t input)
{
    struct model_device *device = model.slots[number];
    uint32_t added = context(input, 0)[1];
    if (device == NULL)
        return 11;
    if ((added & 8) != 0) {
        uint32_t *endpoint = context(input, 4);
        EXPECT((context(input, 1)[0] >> 27) == 3 && (endpoint[1] >> 3 & 7) == 7 && endpoint[1] >> 16 != 0);
        set_ring(device, 3, endpoint[2] | (uint64_t)endpoint[3] << 32);
    } else {
        EXPECT(device->class_code == 9 && (context(input, 1)[0] & 1u << 26) != 0 && context(input, 1)[1] >> 24 == 4);
    }
    return 1;
}

static uint8_t command(const struct xhci_trb *trb, uint8_t *number)
{
    uint32_t type = trb->control >> 10 & 0x3F;
    unsigned endpoint = trb->control >> 16 & 0x1F;
    struct model_device *device = model.slots[*number];
    if (type == model.failing_command)
        return model.failing_code;
    if (type == 9) {
        for (*number = 1; model.slots_given >> *number & 1;)
            ++*number;
        model.slots_given |= 1u << *number;
        return 1;
    }
    if (type == 11)
        return address(*number, trb->parameter);
    if (type == 12)
        return configure(*number, trb->parameter);
    if (type == 10) {
        model.slots_given &= ~(1u << *number);
        model.slots[*number] = NULL;
    }
    if (type == 14 && (device == NULL || !device->halted[endpoint]))
        return 19;
    if (type == 16 && device != NULL)
        set_ring(device, endpoint, trb->parameter);
    return 1;
}

static void run_commands(void)
{
    for (;;) {
        struct xhci_trb *trb = at(model.command_ring);
        if ((trb->control & 1) != model.command_cycle || model.no_answers)
            return;
        uint8_t number = (uint8_t)(trb->control >> 24);
        uint32_t type = trb->control >> 10 & 0x3F;
        if (type == 6) {
            model.command_ring = trb->parameter;
            model.command_cycle = !model.command_cycle;
            continue;
        }
        uint8_t code = type == 23 ? 1 : command(trb, &number);
        model.command_ring += sizeof(*trb);
        model_event((uintptr_t)trb, (uint32_t)code << 24, XHCI_EVENT_COMMAND << 10 | (uint32_t)number << 24);
    }
}

/* ---- Registers ---- */

static void write_command(uint32_t value)
{
    uint32_t *status = reg(OPERATIONAL + 4);
    if ((value & 2) != 0) {
        memset(reg(OPERATIONAL + 0x14), 0, 0x30);
        *reg(OPERATIONAL) = model.never_resets ? 2 : 0;
        *status = XHCI_USBSTS_HALTED;
        return;
    }
    *reg(OPERATIONAL) = value;
    bool runs = (value & 1) != 0 && !model.never_starts;
    *status = (*status & ~XHCI_USBSTS_HALTED) | (runs || (*status & XHCI_USBSTS_HCE) != 0 ? 0 : XHCI_USBSTS_HALTED);
}

void fake_mmio_write(volatile void *address_, uint32_t value)
{
    uint32_t offset = (uint32_t)((volatile uint8_t *)address_ - (volatile uint8_t *)model.registers);
    CHECK(offset < sizeof(model.registers) && offset % 4 == 0);
    if (offset == OPERATIONAL) {
        write_command(value);
    } else if (offset == OPERATIONAL + 4) {
        *reg(offset) &= ~(value & 0x41Cu);
    } else if (offset == OPERATIONAL + 0x18 && (*reg(OPERATIONAL) & 1) != 0) {
        if ((value & 4) != 0 && !model.no_stops)
            model_event(model.command_ring, 24u << 24, XHCI_EVENT_COMMAND << 10);
    } else if (offset >= PORTS && offset < PORTS + 16 * MODEL_PORTS && offset % 16 == 0) {
        write_port((offset - PORTS) / 16, value);
    } else if (offset == EXTENDED && model.legacy) {
        *reg(offset) = model.firmware_keeps_it || (value & 0x01000000u) == 0 ? value : value & ~0x00010000u;
    } else if (offset == DOORBELLS) {
        if (model.command_ring == 0) {
            model.command_ring = reg64(OPERATIONAL + 0x18) & ~0x3Full;
            model.command_cycle = true;
        }
        run_commands();
    } else if (offset > DOORBELLS && offset < EXTENDED) {
        struct model_device *device = model.slots[(offset - DOORBELLS) / 4];
        if (device != NULL && value == 1)
            run_control(device);
    } else {
        *reg(offset) = value;
    }
}

unsigned model_settle(struct xhci *xhci)
{
    unsigned polls = 0;
    do {
        model.now_us += 5000;
        xhci_poll(xhci);
        CHECK(++polls < 100000);
    } while (xhci_is_pending(xhci) || xhci_is_busy(xhci));
    return polls;
}
