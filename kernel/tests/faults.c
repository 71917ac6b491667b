/*
 * Monitor command fault: the kernel broken on purpose, for those who test panics, or want to see one. Each kind is a
 * function of its own, so that the backtrace of the panic names it.
 *
 * The tests that expect a fault have their own (protection.c, firmware.c); these are expected by nobody. Operands are
 * volatile, so that the compiler neither foresees nor removes what is wrong with them.
 */
#include "kernel/base/check.h"
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/monitor.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/idt.h"
#include "kernel/x86/regs.h"

#define DEPTH_MAX 1000000u /* more frames than any stack holds */

static volatile uint64_t nowhere = 0xDEAD000; /* below the kernel's half, where nothing is mapped */
static volatile uint32_t zero;
static uint32_t data_word = 0xC3C3C3C3; /* RET, should it ever run */

static NOINLINE void fault_page(void)
{
    *(volatile uint32_t *)vaddr_pointer(VADDR(nowhere)) = 1;
}

static NOINLINE void fault_write_text(void)
{
    *(volatile uint8_t *)(uintptr_t)fault_write_text = 0xCC;
}

static NOINLINE void fault_exec_data(void)
{
    void (*volatile function)(void) = (void (*)(void))(uintptr_t)&data_word;
    function();
    zero = 0; /* the call is not last: as a jump it would take this function out of the backtrace */
}

/* Needs its frame after the call, so that it is not made a loop. */
static NOINLINE uint32_t fault_stack_overflow_frame(uint32_t depth)
{
    volatile uint8_t fill[256];
    fill[depth % sizeof(fill)] = 1;
    if (depth == DEPTH_MAX)
        return 0;
    return fault_stack_overflow_frame(depth + 1) + fill[depth % sizeof(fill)];
}

static NOINLINE void fault_stack_overflow(void)
{
    zero = fault_stack_overflow_frame(0);
}

/* Past the end of an array, over what stands behind it. */
static NOINLINE void fault_stack_smash(void)
{
    volatile uint8_t text[32];
    volatile uint8_t *at = text;
    for (size_t i = 0; i < 2 * sizeof(text); i++)
        at[i] = 0;
}

static NOINLINE void fault_divide(void)
{
    zero = (uint32_t)nowhere / zero;
}

/* A page fault whose gate is not present faults again while it is delivered: SDM 3, table 6-5. */
static NOINLINE void fault_double(void)
{
    idt_remove(VECTOR_PAGE_FAULT);
    *(volatile uint32_t *)vaddr_pointer(VADDR(nowhere)) = 1;
}

static NOINLINE void fault_ud(void)
{
    if (zero == 0)
        __builtin_trap();
}

static NOINLINE void fault_check(void)
{
    CHECK(zero != 0);
}

/* To itself, as hardware sends one. */
static NOINLINE void fault_nmi(void)
{
    apic_send(this_cpu()->apic_id, APIC_NMI);
    while (zero == 0)
        continue;
}

static const struct {
    const char *kind;
    void (*commit)(void);
    const char *help;
} faults[] = {
    {"page",           fault_page,           "write where nothing is mapped"   },
    {"write-text",     fault_write_text,     "write to the kernel's code"      },
    {"exec-data",      fault_exec_data,      "run the kernel's data"           },
    {"stack-overflow", fault_stack_overflow, "recurse into the guard page"     },
    {"stack-smash",    fault_stack_smash,    "write past the end of an array"  },
    {"divide",         fault_divide,         "divide by zero"                  },
    {"double",         fault_double,         "fault while a fault is delivered"},
    {"ud",             fault_ud,             "run an invalid instruction"      },
    {"check",          fault_check,          "fail a CHECK"                    },
    {"nmi",            fault_nmi,            "get an NMI that nobody expects"  },
};

/* On the CPU that is to fault. */
static void commit(void *index)
{
    faults[*(const size_t *)index].commit();
}

/* Returns only when there is no such kind: false. */
static bool run_fault(const char *kind, uint32_t cpu)
{
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        if (strcmp(faults[i].kind, kind) != 0)
            continue;
        if (cpu == 0)
            commit(&i);
        else if (smp_post(cpu, commit, &i) == STATUS_OK)
            (void)smp_wait();
        /* Also when the other CPU was to fault and nothing came of it: its own panic stops this one first. */
        panic("the fault '%s' was survived", kind);
    }
    return false;
}

void command_fault(const struct words *words)
{
    uint32_t cpu = 0;
    if (words->count > 3)
        monitor_bad_argument(words, words->word[3]);
    else if (words->count == 3 && !options_parse_number(words->word[2], 0, smp_cpu_count() - 1, &cpu))
        monitor_bad_argument(words, words->word[2]);
    else if (words->count > 1 && !run_fault(words->word[1], cpu))
        monitor_bad_argument(words, words->word[1]);
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++)
        print("  %-15s %s\n", faults[i].kind, faults[i].help);
}
