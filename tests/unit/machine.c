/* A machine for tests of mm; see machine.h. */
#include "tests/unit/machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/base/check.h"
#include "tests/unit/port_fake.h"

static uint64_t top_of(const struct efi_memory_descriptor *rows, uint32_t count)
{
    uint64_t top = MIB;
    for (uint32_t i = 0; i < count; i++) {
        bool memory = rows[i].type >= EFI_LOADER_CODE && rows[i].type <= EFI_CONVENTIONAL_MEMORY;
        if (memory)
            top = max_u64(top, rows[i].physical_start + rows[i].number_of_pages * PAGE_SIZE);
    }
    return top;
}

static void fill(uint64_t window, const struct efi_memory_descriptor *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        void *memory = (void *)(uintptr_t)(window + rows[i].physical_start);
        if (rows[i].type == EFI_CONVENTIONAL_MEMORY)
            memset(memory, 0xA5, rows[i].number_of_pages * PAGE_SIZE);
    }
}

static uint64_t map_memory(uint64_t size_bytes, int protection)
{
    void *memory = mmap(NULL, size_bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    return (uint64_t)(uintptr_t)memory;
}

static void *pointer_to(uint64_t window)
{
    return (void *)(uintptr_t)window;
}

/* The memory moves to where the direct map is. */
static void move_memory(struct machine *machine)
{
    void *moved = mremap(pointer_to(machine->config.window), machine->bytes, machine->bytes,
                         MREMAP_MAYMOVE | MREMAP_FIXED, pointer_to(machine->config.direct_map_window));
    CHECK(moved == pointer_to(machine->config.direct_map_window));
}

void machine_create(struct machine *machine, const struct efi_memory_descriptor *rows, uint32_t count)
{
    memset(machine, 0, sizeof(*machine));
    machine->bytes = top_of(rows, count);
    uint64_t window = map_memory(machine->bytes, PROT_READ | PROT_WRITE);
    fill(window, rows, count);
    machine->config = (struct mm_config){
        .map = {rows, count * sizeof(*rows), sizeof(*rows), EFI_MEMORY_DESCRIPTOR_VERSION},
        .scratch = malloc(MM_SCRATCH_BYTES),
        .window = window,
        .direct_map_window = map_memory(machine->bytes, PROT_NONE),
        .layout = LAYOUT_LINKED,
        .levels = 4,
    };
    memset(machine->config.scratch, 0xA5, MM_SCRATCH_BYTES);
    port_fake_reset(NULL);
}

void machine_destroy(struct machine *machine)
{
    if (machine->stage == MACHINE_NEW)
        free(machine->config.scratch);
    if (machine->stage < MACHINE_MAPPED)
        munmap(pointer_to(machine->config.window), machine->bytes);
    munmap(pointer_to(machine->config.direct_map_window), machine->bytes);
}

struct ledger machine_ledger(struct machine *machine)
{
    struct ledger ledger;
    mm_ledger(&machine->mm, &ledger);
    CHECK(ledger_check(&ledger) == STATUS_OK);
    return ledger;
}

static void step_to(struct machine *machine, enum machine_stage stage)
{
    struct mm *mm = &machine->mm;
    switch (stage) {
    case MACHINE_NEW:
        break;
    case MACHINE_BEGUN:
        CHECK(mm_begin(mm, &machine->config) == STATUS_OK);
        free(machine->config.scratch); /* nothing may lie in it any more */
        break;
    case MACHINE_MAPPED:
        CHECK(mm_build_map(mm) == STATUS_OK);
        mm_use_direct_map(mm);
        move_memory(machine);
        port_fake_reset(&mm->kernel_map);
        break;
    case MACHINE_STARTED:
        CHECK(mm_start_frames(mm) == STATUS_OK);
        break;
    case MACHINE_DESCRIBED:
        mm_describe(mm);
        CHECK(mm_described(mm, &machine->token) == STATUS_OK);
        CHECK(mm_audit(mm) == STATUS_OK);
        break;
    case MACHINE_RECLAIMED:
        mm_reclaim(mm, &machine->token);
        CHECK(mm_audit(mm) == STATUS_OK);
        break;
    }
}

void machine_reach(struct machine *machine, enum machine_stage stage)
{
    while (machine->stage < stage) {
        step_to(machine, ++machine->stage);
        machine_ledger(machine);
    }
}
