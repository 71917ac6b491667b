/*
 * A device that writes and interrupts: QEMU's `edu` (docs/specs/edu.txt), taken as a driver takes its function.
 *
 *     24h  interrupt status        60h  raise: bits are added to it, and the device interrupts
 *                                  64h  acknowledge: bits go
 */
#include "kernel/base/spinlock.h"
#include "kernel/device.h"
#include "kernel/irq.h"
#include "kernel/machine.h"
#include "kernel/tests/tests.h"
#include "kernel/time.h"
#include "kernel/x86/io.h"
#include "kernel/x86/regs.h"

#define EDU_CLASS           0x00FF00u
#define EDU_VENDOR          0x1234u
#define EDU_DEVICE          0x11E8u
#define EDU_REGISTERS_BYTES MIB
#define EDU_RAISE           0x60u
#define EDU_ACKNOWLEDGE     0x64u

#define ARRIVAL_US 1000000u
#define NEVER_US   10000u

static uint32_t message_count; /* atomic */

static void count_message(void)
{
    __atomic_fetch_add(&message_count, 1, __ATOMIC_RELAXED);
}

/* Raises an interrupt; true when a message came within the time. */
static bool raises(volatile uint8_t *registers, uint64_t limit_us)
{
    uint32_t before = __atomic_load_n(&message_count, __ATOMIC_RELAXED);
    mmio_write32(registers + EDU_RAISE, 1);
    uint64_t deadline = time_deadline(limit_us);
    while (__atomic_load_n(&message_count, __ATOMIC_RELAXED) == before && !time_after(deadline))
        cpu_relax();
    mmio_write32(registers + EDU_ACKNOWLEDGE, 1);
    return __atomic_load_n(&message_count, __ATOMIC_RELAXED) != before;
}

/* A message is a write to memory: it arrives when the function may write, and not before. */
enum test_result test_message(void)
{
    static bool registered;
    const struct pci *pci = &machine_facts()->pci;
    struct pci_function *edu = NULL;
    do
        edu = pci_next_of_class(pci, edu, EDU_CLASS);
    while (edu != NULL && (edu->vendor_id != EDU_VENDOR || edu->device_id != EDU_DEVICE));
    if (edu == NULL)
        return tests_skip("no edu device");

    uint64_t size_bytes;
    volatile uint8_t *registers = device_take(edu, 0, &size_bytes);
    TEST_ASSERT(registers != NULL);
    TEST_ASSERT(size_bytes == EDU_REGISTERS_BYTES);
    TEST_ASSERT(device_take(edu, 1, &size_bytes) == NULL); /* there is no such register */
    if (!registered)
        irq_register(VECTOR_TEST, count_message);
    registered = true;
    TEST_ASSERT(device_route(edu, VECTOR_TEST) == STATUS_OK);
    TEST_ASSERT(!raises(registers, NEVER_US));
    device_start_mastering(edu);
    TEST_ASSERT(raises(registers, ARRIVAL_US));
    TEST_ASSERT(raises(registers, ARRIVAL_US)); /* and again: the first one was ended */
    (void)pci_change_command(pci, edu->address, PCI_COMMAND_BUS_MASTER, 0);
    return TEST_PASSED;
}
