/*
 * From firmware to kernel: the entry point, phases F and N one step a line.
 *
 * Phase F runs as a UEFI application; a step that cannot go on says why, and we return to the firmware. Phase N has no
 * firmware behind it and no kernel before it: it is a straight line on our own stack with interrupts off, and its
 * only way out other than the kernel is failure_halt.
 */
#include "boot/boot.h"
#include "boot/buffers.h"
#include "boot/enter.h"
#include "boot/exit.h"
#include "boot/failure.h"
#include "boot/fault.h"
#include "boot/first_map.h"
#include "boot/gather.h"
#include "boot/image.h"
#include "boot/kaslr.h"
#include "boot/processor.h"
#include "boot/say.h"
#include "boot/trampoline_page.h"
#include "boot/virtual_map.h"

_Static_assert(sizeof(struct handoff) <= PAGE_SIZE, "HANDOFF_BYTES of buffers.asm");

static void mark(struct boot *boot, enum handoff_mark which)
{
    boot->handoff->marks[which] = __builtin_ia32_rdtsc();
}

static struct handoff_range range_of(const void *buffer, uint64_t size_bytes)
{
    return (struct handoff_range){(uint64_t)(uintptr_t)buffer, size_bytes};
}

static struct boot *begin(void *image_handle, struct efi_system_table *system_table)
{
    /* Static: it outlives the change of stacks between phase F and phase N, and goes with .bootd. */
    static struct boot boot;
    boot.image_handle = image_handle;
    boot.system_table = system_table;
    boot.map.buffer = buffers_map;
    boot.handoff = &buffers_handoff;
    boot.handoff->version = HANDOFF_VERSION;
    boot.handoff->size_bytes = sizeof(struct handoff);
    boot.handoff->stack = range_of(buffers_stack, BUFFERS_STACK_BYTES);
    boot.handoff->scratch = range_of(buffers_scratch, BUFFERS_SCRATCH_BYTES);
    return &boot;
}

/* Everything that needs the firmware's help. False after a refusal. */
static bool prepare(struct boot *boot)
{
    if (!processor_check(boot) || /* the kernel's instructions would run here */
        !image_check(boot) ||     /* our own sections and relocations are sound */
        !gather(boot))            /* tables, screen, command line, entropy: what the kernel will want to know */
        return false;
    trampoline_page_reserve(boot); /* the other CPUs have a place to start from */
    if (!first_map_reserve(boot))  /* our page tables have room */
        return false;
    if (!failure_use_screen(&boot->handoff->screen, &boot->map)) /* failures show */
        say(boot->system_table, "a failure from here on shows on the serial port only");
    mark(boot, HANDOFF_MARK_GATHERED);
    return true;
}

/* False: refused, and the firmware is whole. Does not return when it is neither whole nor gone. */
static bool leave(struct boot *boot)
{
    struct handoff *handoff = boot->handoff;
    say(boot->system_table, "leaving the firmware"); /* the last words: what hangs from here on hangs in the exit */
    failure_mark(MARK_EXIT);
    struct exit_outcome outcome = exit_boot_services(boot->system_table, boot->image_handle, &boot->map);
    if (outcome.result == EXIT_REFUSED)
        return firmware_map_refuse(boot->system_table, &boot->map, outcome.map_status);
    if (outcome.result != EXIT_DONE)
        failure_halt((enum failure)outcome.result, outcome.attempts, outcome.status);
    /* From here on no printing, no allocating, no return: the firmware is gone. */
    mark(boot, HANDOFF_MARK_EXIT);
    handoff->exit_attempts = outcome.attempts;
    handoff->memory_map = range_of(boot->map.buffer, boot->map.size_bytes);
    handoff->descriptor_size = boot->map.descriptor_size;
    handoff->descriptor_version = boot->map.descriptor_version;
    handoff->warnings |= outcome.interrupts_were_on ? HANDOFF_WARNING_EXIT_INTERRUPTS : 0u;
    handoff->warnings |= boot->map.descriptor_size_guessed ? HANDOFF_WARNING_DESCRIPTOR_SIZE : 0u;
    return true;
}

/* Phase N. */
static void cross(struct boot *boot)
{
    /*
     * The order is forced. Faults are caught before the first thing that can fault. EFER.NXE is on
     * (processor_take_over) before tables with NX bits are used: U-Boot leaves it off, and each such bit would be a
     * reserved-bit fault. SetVirtualAddressMap needs tables in which all of boot services still stands and executes
     * (firmware-quirk 43), and low memory is anybody's only when that call is over.
     */
    failure_mark(MARK_PROCESSOR);
    fault_install();            /* a fault is caught */
    processor_take_over();      /* control registers are known */
    kaslr_choose(boot);         /* where the kernel will live is known */
    (void)failure_mark_contained(MARK_FIRST_MAP);
    first_map_use(boot);        /* our page tables: all of the map 1:1, and the kernel's half */
    virtual_map_set(boot);      /* runtime services stay where they are, for good */
    mark(boot, HANDOFF_MARK_VIRTUAL_MAP);
    boot->handoff->screen.marked = failure_mark_contained(MARK_JUMP);
    trampoline_page_take(boot); /* boot services' low memory is free to take now */
    mark(boot, HANDOFF_MARK_JUMP);
    /* Last of all fields: a hand-off that was abandoned half way never looks whole. */
    boot->handoff->magic = HANDOFF_MAGIC;
    image_relocate(boot);       /* no pointer in data is ours any more */
    uint64_t delta = image_delta(boot);
    enter_kernel(boot->handoff->stack.start + boot->handoff->stack.size_bytes + delta, delta,
                 (uint64_t)(uintptr_t)boot->handoff + delta);
}

/* Phase F. */
efi_status EFIAPI efi_main(void *image_handle, struct efi_system_table *system_table)
{
    struct boot *boot = begin(image_handle, system_table);
    mark(boot, HANDOFF_MARK_ENTRY);
    say(system_table, "starting");
    if (prepare(boot) && leave(boot))
        enter_stack(boot->handoff->stack.start + boot->handoff->stack.size_bytes, cross, boot);
    first_map_release(boot); /* nothing is ours when the firmware has us back */
    trampoline_page_release(boot);
    return EFI_UNSUPPORTED;
}
