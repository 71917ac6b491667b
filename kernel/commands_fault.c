/*
 * The faults. Operands are volatile, so that the compiler neither foresees nor removes what is wrong with them.
 */
#include "kernel/commands_fault.h"

#include "kernel/base/check.h"
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/image.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/x86/idt.h"
#include "kernel/x86/regs.h"

/* Nothing is ever mapped here: below the kernel's half. */
#define NOWHERE 0xDEAD000ull

#define DEPTH_MAX 1000000u /* more frames than any stack holds */

static volatile uint64_t nowhere = NOWHERE;
static volatile uint32_t zero;
static uint32_t data_word = 0xC3C3C3C3; /* RET, should it ever run */

static NOINLINE void fault_page(void *unused)
{
    (void)unused;
    *(volatile uint32_t *)vaddr_pointer(VADDR(nowhere)) = 1;
}

static NOINLINE void fault_write_text(void *unused)
{
    (void)unused;
    volatile uint64_t text = (uint64_t)(uintptr_t)fault_write_text;
    *(volatile uint8_t *)vaddr_pointer(VADDR(text)) = 0xCC;
}

static NOINLINE void fault_write_rodata(void *unused)
{
    (void)unused;
    volatile uint64_t headers = vaddr_of(__ImageBase).value;
    *(volatile uint8_t *)vaddr_pointer(VADDR(headers)) = 0;
}

/* To be called in place, and not last: a jump would take the caller out of the backtrace. */
static void (*function_at(uint64_t address))(void)
{
    return (void (*)(void))(uintptr_t)address;
}

static NOINLINE void fault_exec_data(void *unused)
{
    (void)unused;
    function_at(vaddr_of(&data_word).value)();
    zero = 0;
}

static NOINLINE void fault_null_call(void *unused)
{
    (void)unused;
    function_at(zero)();
    zero = 0;
}

static NOINLINE uint32_t fault_stack_overflow_frame(uint32_t depth)
{
    volatile uint8_t fill[256];
    fill[depth % sizeof(fill)] = 1;
    if (depth == DEPTH_MAX)
        return 0;
    return fault_stack_overflow_frame(depth + 1) + fill[depth % sizeof(fill)];
}

static NOINLINE void fault_stack_overflow(void *unused)
{
    (void)unused;
    zero = fault_stack_overflow_frame(0);
}

static NOINLINE void fault_divide(void *unused)
{
    (void)unused;
    zero = (uint32_t)nowhere / zero;
}

/* A page fault whose gate is not present faults again while it is delivered: SDM 3, table 6-5. */
static NOINLINE void fault_double(void *unused)
{
    (void)unused;
    idt_remove(VECTOR_PAGE_FAULT);
    *(volatile uint32_t *)vaddr_pointer(VADDR(nowhere)) = 1;
}

static NOINLINE void fault_ud(void *unused)
{
    (void)unused;
    if (zero == 0)
        __builtin_trap();
}

static NOINLINE void fault_check(void *unused)
{
    (void)unused;
    CHECK(zero != 0);
}

static NOINLINE void fault_panic(void *unused)
{
    (void)unused;
    panic("asked for at the monitor");
}

static const struct {
    const char *kind;
    void (*commit)(void *unused);
    const char *help;
} faults[] = {
    {"page",           fault_page,           "write where nothing is mapped"   },
    {"write-text",     fault_write_text,     "write to the kernel's code"      },
    {"write-rodata",   fault_write_rodata,   "write to the kernel's headers"   },
    {"exec-data",      fault_exec_data,      "run the kernel's data"           },
    {"null-call",      fault_null_call,      "call address 0"                  },
    {"stack-overflow", fault_stack_overflow, "recurse into the guard page"     },
    {"divide",         fault_divide,         "divide by zero"                  },
    {"double",         fault_double,         "fault while a fault is delivered"},
    {"ud",             fault_ud,             "run an invalid instruction"      },
    {"check",          fault_check,          "fail a CHECK"                    },
    {"panic",          fault_panic,          "panic in plain words"            },
};

static bool parse_cpu(const char *text, unsigned *cpu)
{
    *cpu = 0;
    for (; *text >= '0' && *text <= '9' && *cpu < UINT16_MAX; text++)
        *cpu = *cpu * 10 + (unsigned)(*text - '0');
    return *text == '\0' && *cpu < smp_cpu_count();
}

bool commands_fault_run(const char *kind, const char *cpu_text)
{
    unsigned cpu;
    if (!parse_cpu(cpu_text, &cpu)) {
        print("fault: no CPU %s\n", cpu_text);
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        if (strcmp(faults[i].kind, kind) != 0)
            continue;
        print("fault: %s on cpu %u\n", kind, cpu);
        if (cpu == 0)
            faults[i].commit(NULL);
        else if (smp_run_on(cpu, faults[i].commit, NULL) != STATUS_OK)
            panic("cpu %u does not answer", cpu);
        panic("the fault '%s' was survived", kind);
    }
    print("fault: no kind '%s'\n", kind);
    return false;
}

void commands_fault_list(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++)
        print("  %-15s %s\n", faults[i].kind, faults[i].help);
}
