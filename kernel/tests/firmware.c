/* What the firmware left: its clock and variables still answer, its tables are whole, its devices are silent. */
#include "kernel/base/string.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/runtime.h"
#include "kernel/tables.h"
#include "kernel/tests/tests.h"
#include "kernel/watchdog.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/firmware_call.h"
#include "kernel/x86/sse.h"

/* How long firmware that hangs is left alone. */
#define HANG_LIMIT_US 100000u

enum test_result test_time(void)
{
    struct efi_time time;
    if (runtime_off_reason(RUNTIME_GET_TIME) != NULL)
        return tests_skip(runtime_off_reason(RUNTIME_GET_TIME));
    TEST_ASSERT(runtime_get_time(&time) == STATUS_OK);
    TEST_ASSERT(time.year >= 1998); /* older than UEFI's RTC code: the clock was never set, or is misread */
    return TEST_PASSED;
}

enum test_result test_variables(void)
{
    static struct runtime_variable variable; /* too large for a stack */
    if (runtime_off_reason(RUNTIME_NEXT_VARIABLE) != NULL)
        return tests_skip(runtime_off_reason(RUNTIME_NEXT_VARIABLE));
    memset(&variable, 0, sizeof(variable));
    enum status status = runtime_next_variable(&variable);
    if (status == STATUS_NOT_FOUND)
        return tests_skip("the firmware has no variables");
    TEST_ASSERT(status == STATUS_OK);
    TEST_ASSERT(variable.name[0] != 0);
    return TEST_PASSED;
}

/*
 * Rule 13: the registers that only firmware uses are as they were after a call. A page of numbers that no default has,
 * rounding towards zero among them (SDM volume 1, 10.2.3: bits 14:13 of MXCSR).
 */
enum test_result test_sse(void)
{
    static ALIGNED(16) struct sse_state before;
    static ALIGNED(16) struct sse_state filled;
    static ALIGNED(16) struct sse_state after;
    struct efi_time time;
    if (runtime_off_reason(RUNTIME_GET_TIME) != NULL)
        return tests_skip(runtime_off_reason(RUNTIME_GET_TIME));
    sse_store(&before);
    filled = before;
    filled.mxcsr = before.mxcsr | 3u << 13;
    for (unsigned i = 0; i < sizeof(filled.xmm); i++)
        filled.xmm[i / 16][i % 16] = (uint8_t)(i + 1);
    sse_load(&filled);
    (void)runtime_get_time(&time); /* however it ends: a fault comes back by the same way */
    sse_store(&after);
    sse_load(&before);
    TEST_ASSERT(after.mxcsr == filled.mxcsr);
    TEST_ASSERT(memcmp(after.xmm, filled.xmm, sizeof(after.xmm)) == 0);
    return TEST_PASSED;
}

/*
 * Rule 15: firmware that jumps into the void takes nobody along. Twice, because after the first time the stack and the
 * point of recovery must be as they were.
 */
enum test_result test_fault(void)
{
    /* Our data is mapped there, with the rest of the upper half, and never executable: the jump must fault. */
    static const uint64_t data = 0;
    struct firmware_call call = {0};
    if (runtime_off_reason(RUNTIME_NEXT_VARIABLE) != NULL)
        return tests_skip(runtime_off_reason(RUNTIME_NEXT_VARIABLE));
    runtime_prepare_call(&call, vaddr_of(&data).value);
    for (unsigned i = 0; i < 2; i++) {
        TEST_ASSERT(!firmware_call(&call));
        TEST_ASSERT(call.fault.vector == VECTOR_PAGE_FAULT && call.fault.fault_rip == call.function);
    }
    return TEST_PASSED;
}

/* Firmware-quirk 59 at its worst. Twice, likewise. */
enum test_result test_hang(void)
{
    /* Our code is mapped there too, and this of it never returns. */
    struct firmware_call call = {0};
    if (runtime_off_reason(RUNTIME_NEXT_VARIABLE) != NULL)
        return tests_skip(runtime_off_reason(RUNTIME_NEXT_VARIABLE));
    runtime_prepare_call(&call, (uint64_t)(uintptr_t)cpu_halt_forever);
    for (unsigned i = 0; i < 2; i++) {
        bool limited = watchdog_start(HANG_LIMIT_US);
        bool ended = limited && !firmware_call(&call) && call.fault.vector == VECTOR_NMI;
        watchdog_stop();
        if (!limited)
            return tests_skip("one CPU, and no timer that can send an NMI");
        TEST_ASSERT(ended);
    }
    return TEST_PASSED;
}

enum test_result test_acpi(void)
{
    const struct machine *machine = machine_facts();
    if (memory_handoff()->acpi_rsdp == 0)
        return tests_skip("the firmware gave no RSDP");
    TEST_ASSERT(machine->has_acpi);
    TEST_ASSERT(machine->has_fadt);
    /* Single bad tables are real (a checksum that nobody ever checked); all of them would be our reader's fault. */
    TEST_ASSERT(machine->acpi.bad_count < machine->acpi.table_count);
    return TEST_PASSED;
}

/* Tables that lay in memory which reclaim freed around them still hold what they held. */
enum test_result test_tables(void)
{
    const struct acpi_reader reader = {memory_map_table, NULL};
    TEST_ASSERT(tables_kept()->seen_count > 0);
    if (tables_kept()->count == 0)
        return tests_skip("no table lies in boot-services memory");
    for (uint32_t i = 0; i < tables_kept()->count; i++) {
        TEST_ASSERT(tables_unchanged(&tables_kept()->tables[i], &reader));
        struct prange range = prange_page_outward(tables_kept()->tables[i].range);
        /* Nor may they change later: nobody can be given a page of theirs. */
        TEST_ASSERT(frames_free_in(&kernel_mm.frames, range) == 0);
    }
    return TEST_PASSED;
}

/* Rule 11: whatever the firmware left running, only bridges, displays and what we drive may write to memory now. */
enum test_result test_silence(void)
{
    const struct pci *pci = &machine_facts()->pci;
    if (pci->function_count == 0)
        return tests_skip("no PCI");
    for (uint32_t i = 0; i < pci->function_count; i++) {
        const struct pci_function *function = &pci->functions[i];
        if (pci_keeps_mastering(function) || function->driven)
            continue;
        /* Read from the device, not from our list: a function that turned mastering on again fails. */
        uint32_t command = pci_read32(pci, function->address, PCI_COMMAND);
        TEST_ASSERT((command & PCI_COMMAND_BUS_MASTER) == 0);
    }
    return TEST_PASSED;
}
