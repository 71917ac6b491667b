/* Filling and closing the page that other CPUs start in. */
#include "kernel/x86/trampoline.h"

#include "kernel/base/check.h"
#include "kernel/base/spinlock.h"
#include "kernel/base/string.h"
#include "kernel/x86/cpu.h"

/* What trampoline.asm reads by offset, and ends with. */
struct trampoline_words {
    uint64_t gdt[4];
    uint16_t gdt_limit;
    uint16_t gdt_base[2];
    uint16_t reserved0;
    uint32_t protected_offset;
    uint32_t protected_selector;
    uint32_t long_offset;
    uint32_t long_selector;
    uint32_t cr0;
    uint32_t cr3;
    uint32_t cr4;
    uint32_t efer;
    uint64_t plan;
    uint64_t arrive;
    uint32_t entered;
    uint32_t left;
    uint32_t closed;
    uint32_t reserved1;
};
_Static_assert(offsetof(struct trampoline_words, protected_offset) == 40, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_words, plan) == 72, "trampoline.asm");
_Static_assert(sizeof(struct trampoline_words) == 104, "trampoline.asm");

_Static_assert(offsetof(struct trampoline_plan, states) == 8, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, count) == 16, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, blocks) == 24, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, entry) == 32, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, left) == 40, "trampoline.asm");
_Static_assert(offsetof(struct trampoline_plan, drawn) == 48, "trampoline.asm");
_Static_assert(offsetof(struct percpu, stack_top) == 16, "trampoline.asm");

/* Descriptors: SDM 3, 3.4.5. Flat, present, ring 0, accessed; selectors as in our own GDT, and one more for 32 bits. */
#define DESCRIPTOR_CODE64    0x00209B0000000000ull
#define DESCRIPTOR_DATA      0x00CF93000000FFFFull
#define DESCRIPTOR_CODE32    0x00CF9B000000FFFFull
#define SELECTOR_PROTECTED   0x18u

/* A CPU between the door and the kernel needs microseconds; after this many polls it was reset on its way. */
#define CLOSE_POLLS_MAX 1000000u

static struct trampoline_words *words_of(void *page)
{
    return (struct trampoline_words *)((uint8_t *)page + (trampoline_words - trampoline_start));
}

static uint32_t address_in_page(struct paddr page, const uint8_t *place)
{
    return (uint32_t)(page.value + (uint64_t)(place - trampoline_start));
}

static void fill_segments(struct trampoline_words *words, struct paddr page)
{
    words->gdt[SELECTOR_CODE / 8] = DESCRIPTOR_CODE64;
    words->gdt[SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
    words->gdt[SELECTOR_PROTECTED / 8] = DESCRIPTOR_CODE32;
    words->gdt_limit = sizeof(words->gdt) - 1;
    uint32_t gdt_address = address_in_page(page, trampoline_words);
    words->gdt_base[0] = (uint16_t)gdt_address;
    words->gdt_base[1] = (uint16_t)(gdt_address >> 16);
    words->protected_offset = address_in_page(page, trampoline_protected);
    words->protected_selector = SELECTOR_PROTECTED;
    words->long_offset = address_in_page(page, trampoline_long);
    words->long_selector = SELECTOR_CODE;
}

void trampoline_open(void *page, struct paddr physical, struct trampoline_plan *plan)
{
    uint64_t root = cpu_read_cr3() & CR3_ADDRESS_MASK;
    CHECK(physical.value % PAGE_SIZE == 0);
    CHECK(physical.value != 0 && physical.value < LOW_MEMORY_END);
    CHECK((size_t)(trampoline_end - trampoline_start) <= PAGE_SIZE);
    CHECK(root < 4 * GIB);

    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    struct trampoline_words *words = words_of(page);
    fill_segments(words, physical);
    words->cr0 = (uint32_t)CR0_KERNEL;
    words->cr3 = (uint32_t)root;
    words->cr4 = (uint32_t)(CR4_PAE | (cpu_read_cr4() & CR4_LA57));
    words->efer = (uint32_t)(EFER_LME | EFER_NXE);
    words->plan = vaddr_of(plan).value;
    words->arrive = (uint64_t)(uintptr_t)trampoline_arrive;
    plan->left = &words->left;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool trampoline_close(void *page)
{
    struct trampoline_words *words = words_of(page);
    __atomic_store_n(&words->closed, 1, __ATOMIC_SEQ_CST);
    for (uint32_t polls = 0; polls < CLOSE_POLLS_MAX; polls++) {
        uint32_t left = __atomic_load_n(&words->left, __ATOMIC_SEQ_CST);
        if (left == __atomic_load_n(&words->entered, __ATOMIC_SEQ_CST))
            return true;
        cpu_relax();
    }
    return false;
}
