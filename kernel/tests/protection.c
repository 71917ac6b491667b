/*
 * What may be read, written and executed: rule 13's W^X, the guard pages, the low half that is gone.
 *
 * Twice, where it can be: by walking the page tables, and by trying.
 */
#include "kernel/image.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "kernel/tests/tests.h"
#include "kernel/tests/walk.h"
#include "kernel/x86/recover.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/protector.h"
#include "mm/layout.h"

#define RETURN_INSTRUCTION 0xC3u

/* ---- By walking ---- */

static bool visit_wx(const struct walk_leaf *leaf)
{
    bool in_image = leaf->address.value - vaddr_of(__ImageBase).value < image_pe()->size_bytes; /* wraps below it */
    return !leaf->user && leaf->address.value >= DIRECT_MAP_WINDOW &&
           (!leaf->executable || (!leaf->writable && in_image));
}

/* Nothing is writable and executable, for user code, or in the low half; nothing but the image is executable. */
enum test_result test_wx(void)
{
    return walk_kernel_map(visit_wx) ? TEST_PASSED : TEST_FAILED;
}

static bool visit_alias(const struct walk_leaf *leaf)
{
    for (uint32_t i = 0; i < kernel_mm.config.segment_count; i++) {
        const struct mm_segment *segment = &kernel_mm.config.segments[i];
        if (segment->temporary || !prange_overlaps(segment->range, leaf->target))
            continue;
        if (leaf->address.value - leaf->target.start.value != segment->address.value - segment->range.start.value)
            return false;
    }
    return true;
}

/* The image is mapped where it runs and nowhere else, so its W^X cannot be got around. */
enum test_result test_image_alias(void)
{
    return walk_kernel_map(visit_alias) ? TEST_PASSED : TEST_FAILED;
}

/* ---- By trying ---- */

static void write_byte(void *address)
{
    volatile uint8_t *byte = address;
    /* What stands there: if the page can be written after all, nothing is broken by it. */
    *byte = *byte;
}

static void execute(void *address)
{
    void (*function)(void) = (void (*)(void))(uintptr_t)address;
    function();
}

/* Whether function(address) is a page fault, with the protection's bit in the error code. */
static bool faults(void (*function)(void *), struct vaddr address, uint64_t error_bit)
{
    struct recovery report;
    return !recover_call(&report, function, vaddr_pointer(address)) && report.vector == VECTOR_PAGE_FAULT &&
           (report.error & error_bit) != 0 && report.fault_address == address.value;
}

enum test_result test_text(void)
{
    TEST_ASSERT(faults(write_byte, VADDR((uint64_t)(uintptr_t)write_byte), PAGE_FAULT_WRITE));
    return TEST_PASSED;
}

enum test_result test_rodata(void)
{
    /* The headers too: they are mapped, for backtraces, and name every section. */
    TEST_ASSERT(faults(write_byte, vaddr_of("a constant"), PAGE_FAULT_WRITE));
    TEST_ASSERT(faults(write_byte, vaddr_of(__ImageBase), PAGE_FAULT_WRITE));
    return TEST_PASSED;
}

static uint8_t data_code[16] = {RETURN_INSTRUCTION};

enum test_result test_data(void)
{
    uint8_t stack_code[16] = {RETURN_INSTRUCTION};
    TEST_ASSERT(faults(execute, vaddr_of(data_code), PAGE_FAULT_INSTRUCTION));
    TEST_ASSERT(faults(execute, vaddr_of(stack_code), PAGE_FAULT_INSTRUCTION));
    return TEST_PASSED;
}

/* A frame just allocated, through the window that all of RAM is seen by. */
enum test_result test_direct_map(void)
{
    struct paddr frame = frame_alloc(memory_cache(), 0);
    TEST_ASSERT(frame.value != 0);
    /* A RET, so that a direct map which does execute is a failed test and no crash. */
    uint8_t *code = mm_pointer(&kernel_mm, frame);
    code[0] = RETURN_INSTRUCTION;
    bool stopped = faults(execute, vaddr_of(code), PAGE_FAULT_INSTRUCTION);
    frame_free(memory_cache(), frame, 0);
    TEST_ASSERT(stopped);
    return TEST_PASSED;
}

static bool is_readable(uint64_t address)
{
    uint64_t value;
    return recover_read(address, &value);
}

/* Page 0, and the image at the physical address where the firmware loaded it, once 1:1. */
enum test_result test_low_half(void)
{
    struct paging_entry entry;
    TEST_ASSERT(!is_readable(0));
    TEST_ASSERT(!is_readable(memory_handoff()->image.start));
    TEST_ASSERT(!paging_lookup(&kernel_mm.kernel_map, VADDR(0), &entry));
    return TEST_PASSED;
}

/* The page that CPUs started in: not mapped where it runs, and nobody's to allocate. */
enum test_result test_trampoline(void)
{
    uint64_t page = memory_handoff()->trampoline;
    struct paging_entry entry;
    if (page == 0)
        return tests_skip("this machine gave no trampoline page");
    TEST_ASSERT(page < LOW_MEMORY_END);
    TEST_ASSERT(!is_readable(page));
    TEST_ASSERT(!frames_is_free(&kernel_mm.frames, PADDR(page)));
    if (paging_lookup(&kernel_mm.kernel_map, mm_direct_address(&kernel_mm, PADDR(page)), &entry))
        TEST_ASSERT((entry.flags & PAGING_EXECUTE) == 0);
    return TEST_PASSED;
}

/* The stack is there from its first byte to its last, and on both sides nothing is. */
static bool is_guarded(struct vaddr top, uint64_t page_count)
{
    uint64_t bottom = top.value - page_count * PAGE_SIZE;
    return is_readable(top.value - 8) && is_readable(bottom) && !is_readable(bottom - 8) && !is_readable(top.value) &&
           vspace_is_guard(&kernel_mm.vspace, VADDR(bottom - 8));
}

enum test_result test_guard_pages(void)
{
    for (unsigned cpu = 0; cpu < smp_cpu_count(); cpu++) {
        const struct percpu *block = smp_cpu(cpu);
        TEST_ASSERT(is_guarded(block->stack_top, SMP_STACK_PAGES));
        for (unsigned i = 0; i < IST_COUNT; i++)
            TEST_ASSERT(is_guarded(block->interrupt_stack_tops[i], SMP_INTERRUPT_STACK_PAGES));
    }
    return TEST_PASSED;
}

#define LOOKED_AT 16u /* words behind the array: what the function keeps, and the cookie */

/* The cookie stands behind the array, XORed with the address of its frame, which is near. */
static void look_for_cookie(void *count)
{
    volatile uint64_t array[4] = {0};
    const volatile uint64_t *words = array;
    uint64_t here = vaddr_of(array).value;
    bool found = false;
    for (unsigned i = ARRAY_COUNT(array); i < LOOKED_AT; i++)
        found |= (words[i] ^ __security_cookie) - here < LOOKED_AT * sizeof(words[0]);
    __atomic_fetch_add((uint32_t *)count, found, __ATOMIC_RELAXED);
}

/* One secret for all CPUs; `fault stack-smash` shows what comes of another value in its place. */
enum test_result test_protector(void)
{
    uint32_t count = 0;
    TEST_ASSERT(__security_cookie != 0 && __security_cookie == memory_handoff()->stack_cookie);
    TEST_ASSERT(smp_run_on_all(look_for_cookie, &count) == STATUS_OK);
    TEST_ASSERT(count == smp_cpu_count());
    return TEST_PASSED;
}
