/*
 * The receiving card: see virtio_net.h.
 *
 *     memory | descriptors | available ring | to a page | used ring | to a page | buffers |
 *
 * VIRTIO 1.1, of which the legacy interface: 4.1.4.8 (registers), 2.6.2 (layout of a queue), 5.1.6.1 (header of a
 * frame, 10 bytes when nothing was negotiated).
 */
#include "tests/firmware/virtio_net.h"

#include "kernel/base/string.h"
#include "tests/firmware/firmware.h"
#include "tests/firmware/instruction.h"
#include "tests/firmware/pci.h"
#include "tests/firmware/serial.h"

#define NET_TRANSITIONAL 0x10001AF4u

/* 4.1.4.8: offsets from the first port. */
#define DRIVER_FEATURES 0x04u
#define QUEUE_PAGE      0x08u
#define QUEUE_SIZE      0x0Cu
#define QUEUE_SELECT    0x0Eu
#define QUEUE_NOTIFY    0x10u
#define STATUS          0x12u

/* 2.1 */
#define STATUS_RESET       0u
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u

#define RECEIVE_QUEUE   0u
#define DEVICE_WRITES   2u /* 2.6.5: VIRTQ_DESC_F_WRITE */
#define QUEUE_COUNT_MAX 1024u
#define BUFFER_BYTES    128u
#define RING_PAGES      8u /* of QUEUE_COUNT_MAX: 5 and 3 */
#define MEMORY_PAGES    (RING_PAGES + QUEUE_COUNT_MAX * BUFFER_BYTES / PAGE_SIZE)

#define FRAME_POLLS 5000u /* of a millisecond */
#define PORT_POLLS  2000000u

/* 2.6.5, 2.6.6, 2.6.8 */
struct descriptor {
    uint64_t address;
    uint32_t size_bytes;
    uint16_t flags;
    uint16_t next;
};
_Static_assert(sizeof(struct descriptor) == 16, "2.6.5");

static uint16_t base; /* 0: not wanted */
static uint16_t count;
static uint8_t *memory;

static uint16_t port(uint32_t offset)
{
    return (uint16_t)(base + offset);
}

/* The buffers lie behind the rings, in order. */
static uint8_t *buffer(uint32_t i)
{
    return memory + RING_PAGES * PAGE_SIZE + (uint64_t)i * BUFFER_BYTES;
}

static uint16_t *available(void)
{
    return (uint16_t *)(void *)(memory + count * sizeof(struct descriptor));
}

static volatile uint16_t *used(void)
{
    uint64_t end = count * sizeof(struct descriptor) + (3u + count) * sizeof(uint16_t);
    return (volatile uint16_t *)(void *)(memory + (pages_for_bytes(end) << PAGE_SHIFT));
}

/* How many frames have arrived: flags, then the index, in both rings. */
static uint16_t arrived(void)
{
    return used()[1];
}

static void offer_all(void)
{
    struct descriptor *descriptors = (struct descriptor *)(void *)memory;
    memset(memory, 0, MEMORY_PAGES * PAGE_SIZE);
    for (uint16_t i = 0; i < count; i++) {
        descriptors[i] = (struct descriptor){vaddr_of(buffer(i)).value, BUFFER_BYTES, DEVICE_WRITES, 0};
        available()[2 + i] = i;
    }
    available()[1] = count;
}

/* 3.1.1: reset, acknowledge, features (none), queues, go. */
static void receive(void)
{
    instruction_out8(port(STATUS), STATUS_RESET);
    instruction_out8(port(STATUS), STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    instruction_out32(port(DRIVER_FEATURES), 0);
    instruction_out16(port(QUEUE_SELECT), RECEIVE_QUEUE);
    offer_all();
    instruction_out32(port(QUEUE_PAGE), (uint32_t)(vaddr_of(memory).value >> PAGE_SHIFT));
    instruction_out8(port(STATUS), STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
    instruction_out16(port(QUEUE_NOTIFY), RECEIVE_QUEUE);
}

static bool find(void)
{
    uint32_t device;
    if (!pci_find(NET_TRANSITIONAL, &device))
        return false;
    base = (uint16_t)(pci_read(device, PCI_BAR0) & PCI_BAR_PORT);
    instruction_out16(port(QUEUE_SELECT), RECEIVE_QUEUE);
    count = instruction_in16(port(QUEUE_SIZE));
    serial_say("virtio-net: device %u of bus 0, ports from 0x%x, %u buffers", device, base, count);
    return base != 0 && count != 0 && count <= QUEUE_COUNT_MAX;
}

bool virtio_net_prepare(void)
{
    efi_stall stall = (efi_stall)firmware.real_boot.stall;
    memory = firmware_pages(EFI_BOOT_SERVICES_DATA, MEMORY_PAGES);
    if (memory == NULL || !find())
        return false;
    receive();
    unsigned long long start = vaddr_of(memory).value;
    serial_say("virtio-net receives in [0x%llx, 0x%llx), used ring at 0x%llx", start, start + MEMORY_PAGES * PAGE_SIZE,
               (unsigned long long)vaddr_of(used()).value);
    for (uint32_t i = 0; arrived() == 0 && i < FRAME_POLLS; i++)
        stall(1000);
    if (arrived() == 0)
        return false;
    serial_say("virtio-net: a frame arrived at 0x%llx", (unsigned long long)vaddr_of(buffer(0)).value);
    return true;
}

void virtio_net_start(void)
{
    if (base == 0)
        return;
    receive();
    for (uint32_t i = 0; arrived() == 0 && i < PORT_POLLS; i++)
        instruction_in8(0x80);
    serial_say("virtio-net: %s", arrived() != 0 ? "frames arrive after the exit" : "no frame after the exit");
}
