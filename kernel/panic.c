/*
 * The end. The order is: claim the panic, stop the other CPUs, say what is known; then, each with less certainty that
 * it comes back than the one before: show it on the screen, save it, give QEMU the verdict, halt.
 *
 *     panic: page fault in fault_page+0xb: write to 0x000000000dead000: page not present     what, where, why
 *     cpu 0 of 4, apic id 0, tsc 18292219999                                                  who
 *       rip ... rax ... cr4 ... image base ...                                                with what
 *     backtrace:                                                                              how it came there
 *       #0 0xffffffff800016c6 fault_page+0xb
 *
 * Rules: whatever is broken is not known, so nothing here takes a lock, allocates, or trusts a pointer: stacks are read
 * by recover_read, unwind tables are our own read-only data. The first line is made before anything is printed, so that
 * it comes out whole even if the rest faults. Nothing returns, and nothing waits without an end. A panic in one of the
 * stages goes on with the next.
 */
#include "kernel/panic.h"

#include <stdarg.h>

#include "kernel/backtrace.h"
#include "kernel/base/check.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/console.h"
#include "kernel/crash.h"
#include "kernel/image.h"
#include "kernel/memory.h"
#include "kernel/panic_screen.h"
#include "kernel/runtime.h"
#include "kernel/smp.h"
#include "kernel/symbols.h"
#include "kernel/trap.h"
#include "kernel/watchdog.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/debug_exit.h"
#include "kernel/x86/percpu.h"
#include "kernel/x86/protector.h"

#define TEXT_BYTES           256u
#define PLACE_BYTES          (SYMBOL_NAME_BYTES + 32)
#define BACKTRACE_LINES_MAX  24u
#define BACKTRACE_FRAMES_MAX 4096u

/* A fault in a guard page this near RSP is the stack's, not a stray pointer's. */
#define STACK_NEAR_BYTES (64 * KIB)

/* What is shown and saved of the text; it is printed whole. */
#define SAID_BYTES_MAX (4 * KIB)

/* Drawing, encoding and a firmware call; NMI handlers have no such room. */
#define STACK_BYTES (16 * KIB)

/* Index of the CPU that panics, plus 1; 0: none does. Never goes back. */
static uint32_t panic_owner;

/* The panic came in an NMI's handler. */
static bool in_nmi;

/* The record that is saved. */
static ALIGNED(8) uint8_t record_bytes[sizeof(struct crash_record) + SAID_BYTES_MAX];
static struct crash_record *const record = (struct crash_record *)record_bytes;

static struct console_copy said = {.text = (char *)record_bytes + sizeof(struct crash_record),
                                   .capacity = SAID_BYTES_MAX};

/* ---- Where ---- */

static bool step(struct backtrace_frame *frame)
{
    const struct backtrace_image image = {
        .base = vaddr_of(__ImageBase).value,
        .bytes = __ImageBase,
        .size_bytes = image_pe()->size_bytes,
        .functions_rva = image_pe()->exceptions.rva,
        .functions_count = image_pe()->exceptions.size_bytes / BACKTRACE_FUNCTION_BYTES,
        .read = recover_read,
    };
    return backtrace_step(&image, frame);
}

static bool in_code(uint64_t rva)
{
    const struct pe_image *pe = image_pe();
    for (uint32_t i = 0; i < pe->section_count; i++)
        /* One comparison: an rva below the section wraps to a huge number. */
        if (pe->sections[i].executable && rva - pe->sections[i].rva < pe->sections[i].size_bytes)
            return true;
    return false;
}

/* "function+0x12" of the frame's instruction. False: it lies outside of our code. */
static bool describe_place(const struct backtrace_frame *frame, char *text, size_t capacity)
{
    struct symbol symbol;
    uint64_t rva = frame->rip - vaddr_of(__ImageBase).value;
    unsigned back = frame->exact ? 0 : 1; /* a return address may be the next function's first byte */
    if (!in_code(rva - back) || !symbols_find(symbol_table, (uint32_t)rva - back, &symbol))
        return false;
    format_buffer(text, capacity, "%s+0x%x", symbol.name, symbol.offset + back);
    return true;
}

/* The frame's own place, or after a jump into the void its caller's. */
static void describe_nearest(const struct backtrace_frame *innermost, char *text, size_t capacity)
{
    char place[PLACE_BYTES];
    struct backtrace_frame caller = *innermost;
    if (describe_place(innermost, text, capacity))
        return;
    if (step(&caller) && describe_place(&caller, place, sizeof(place)))
        format_buffer(text, capacity, "a call from %s", place);
    else
        format_buffer(text, capacity, "0x%016llx", innermost->rip);
}

/* A recursion is one line: what began it matters more than each of its steps. */
static void print_backtrace(const struct backtrace_frame *innermost)
{
    struct backtrace_frame next = *innermost;
    bool more = true;
    unsigned number = 0;
    print("backtrace:\n");
    for (unsigned line = 0; line < BACKTRACE_LINES_MAX && more; line++) {
        struct backtrace_frame frame = next;
        unsigned repeats = 0;
        /* A recursion returns to one place each time; BACKTRACE_FRAMES_MAX ends one over a stack that loops. */
        while ((more = step(&next)) && next.rip == frame.rip && repeats < BACKTRACE_FRAMES_MAX)
            repeats++;
        char place[PLACE_BYTES] = "(not in the kernel)";
        describe_place(&frame, place, sizeof(place));
        print("  #%u 0x%016llx %s", number, frame.rip, place);
        print(repeats > 0 ? " (and %u more)\n" : "\n", repeats);
        number += 1 + repeats;
    }
    if (more)
        print("  ... and more\n");
}

/* ---- What ---- */

static const char *access_of(uint64_t error)
{
    if (error & PAGE_FAULT_INSTRUCTION)
        return "instruction fetch from";
    return error & PAGE_FAULT_WRITE ? "write to" : "read of";
}

static const char *refusal_of(uint64_t error)
{
    if ((error & PAGE_FAULT_PRESENT) == 0)
        return "page not present";
    if (error & PAGE_FAULT_RESERVED)
        return "reserved bit set in a page-table entry";
    if (error & PAGE_FAULT_INSTRUCTION)
        return "protection, the page is not executable";
    return error & PAGE_FAULT_WRITE ? "protection, the page is read-only" : "protection";
}

/* The first line's text. `place` is where it happened. */
static void describe_trap(const struct trap_frame *frame, const char *place, char *text, size_t capacity)
{
    uint64_t address = cpu_read_cr2();
    /*
     * CR2 is of meaning for page faults, and for a double fault when it was one that could not be delivered: the stack
     * had no room for its frame.
     */
    bool guard = vspace_is_guard(&kernel_mm.vspace, VADDR(address));
    bool may_be_stack = frame->vector == VECTOR_DOUBLE_FAULT || frame->vector == VECTOR_PAGE_FAULT;
    /* Within 64 KiB to either side, in one comparison that may wrap. */
    bool near_stack = address - (frame->rsp - STACK_NEAR_BYTES) < 2 * STACK_NEAR_BYTES;
    if (may_be_stack && near_stack && guard)
        format_buffer(text, capacity, "stack overflow in %s: 0x%016llx is in the guard page", place, address);
    else if (frame->vector == VECTOR_PAGE_FAULT)
        format_buffer(text, capacity, "page fault in %s: %s 0x%016llx: %s%s", place, access_of(frame->error), address,
                      refusal_of(frame->error), guard ? " (a guard page)" : "");
    else
        format_buffer(text, capacity, "%s in %s, error code 0x%llx", trap_name(frame->vector), place, frame->error);
}

static void print_cpu(const struct backtrace_frame *frame, uint64_t rflags)
{
    static const char names[16][4] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    const struct percpu *cpu = this_cpu();
    print("cpu %u of %u, apic id %u, tsc %llu\n", cpu->index, smp_cpu_count(), cpu->apic_id, cpu_tsc());
    print("  rip %016llx  rflags %08llx\n", frame->rip, rflags);
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++)
        print("  %-3s %016llx%s", names[i], frame->registers[i], i % 4 == 3 ? "\n" : "");
    print("  cr0 %016llx  cr2 %016llx  cr3 %016llx  cr4 %016llx\n", cpu_read_cr0(), cpu_read_cr2(), cpu_read_cr3(),
          cpu_read_cr4());
    /* What translates the addresses below into those of keel.efi.map. */
    uint64_t image = vaddr_of(__ImageBase).value;
    print("  image base %016llx, slid by 0x%llx\n", image, image - IMAGE_WINDOW);
}

/* ---- The end ---- */

/* What was said by now is the text; print goes on without a copy. */
static void end_text(void)
{
    static const char mark[] = "\n... and more, cut here\n";
    console_set_copy(NULL);
    if (said.length <= said.capacity)
        return;
    said.length = said.capacity;
    memcpy(said.text + said.capacity - (sizeof(mark) - 1), mark, sizeof(mark) - 1);
}

static void show(void)
{
    panic_screen_show(said.text, said.length);
}

static void trap_on_purpose(void *unused)
{
    (void)unused;
    __builtin_trap();
}

/*
 * The CPU takes no NMI from one until the next IRET (SDM 3, 6.7.1), and without NMIs nobody ends a firmware call that
 * hangs. Coming back from a fault is an IRET. The NMI's own stack is free by now, so that another one does no harm.
 */
static void take_nmi_again(void)
{
    struct recovery recovery;
    if (in_nmi)
        (void)recover_call(&recovery, trap_on_purpose, NULL);
}

/* The firmware comes after the screen: if it does not return, all there is to see is there. */
static void save(void)
{
    panic_screen_say("Saving it for the next boot ...");
    take_nmi_again();
    runtime_panic_begin();
    bool saved = crash_save(record, CRASH_PANIC, said.length);
    panic_screen_say(saved ? "Saved: the next boot of Keel shows it again." : "Not saved in the firmware's variables.");
}

static void (*const stages[])(void) = {end_text, show, save};
static uint32_t next_stage;

static NORETURN void run_stages(void)
{
    while (next_stage < ARRAY_COUNT(stages))
        stages[next_stage++]();
    debug_exit(DEBUG_EXIT_PANIC); /* if this is QEMU */
    panic_screen_take_turns();
    cpu_halt_forever();
}

static NORETURN void finish(void)
{
    static ALIGNED(16) uint8_t stack[STACK_BYTES];
    /* From its top also when it is a stage that panicked: what that stage had there is of no use any more. */
    cpu_enter_stack(run_stages, vaddr_of(stack + sizeof(stack)));
}

/* A panic of another CPU's: marks this one as stopped. */
static bool is_stopped(void)
{
    struct percpu *cpu = this_cpu();
    uint32_t owner = __atomic_load_n(&panic_owner, __ATOMIC_ACQUIRE);
    if (owner == 0 || owner == cpu->index + 1)
        return false;
    __atomic_store_n(&cpu->stopped, 1, __ATOMIC_RELEASE);
    return true;
}

void panic_stop_if_asked(void)
{
    if (!is_stopped())
        return;
    watchdog_stand_by();
    cpu_halt_forever();
}

/*
 * The first CPU here has the consoles to itself; one that comes later halts until the NMI that stops it. A panic in the
 * middle of a panic says so, and what is left to do is done.
 */
static void claim(const char *text)
{
    static uint32_t repeats;
    interrupts_disable();
    /* A fault of ours from here on must not return into what was running: it is a panic again. */
    this_cpu()->recovery = NULL;
    uint32_t none = 0;
    if (__atomic_compare_exchange_n(&panic_owner, &none, this_cpu()->index + 1, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return;
    /* One a stage, and one for the text before them; more, and it is the printing that panics. */
    if (is_stopped() || repeats++ > ARRAY_COUNT(stages))
        cpu_halt_forever();
    console_panic_begin();
    console_set_copy(next_stage == 0 ? &said : NULL);
    print("\npanic: again, while panicking: %s\n", text);
    panic_screen_say(text);
    finish();
}

/* `text` is complete; `frame` is where it happened. */
static NORETURN void die(const char *text, const struct backtrace_frame *frame, uint64_t rflags)
{
    claim(text);
    /* Stopped first: console_panic_begin drops the lock that another CPU may be printing under. */
    unsigned running = smp_stop_others();
    console_panic_begin();
    print("\n");
    console_set_copy(&said);
    print("panic: %s\n", text);
    if (running != 0)
        print("%u other CPUs did not stop\n", running);
    print_cpu(frame, rflags);
    print_backtrace(frame);
    finish();
}

/* Of who called the function that asks: where the mistake is. Its own would only repeat its name. */
static NOINLINE struct backtrace_frame frame_of_caller(void)
{
    struct recover_context context;
    recover_capture(&context);
    struct backtrace_frame frame = {.rip = context.rip};
    memcpy(frame.registers, context.registers, sizeof(frame.registers));
    for (unsigned i = 0; i < 2 && step(&frame); i++)
        ;
    return frame;
}

void panic(const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_buffer_v(text, sizeof(text), format, arguments);
    va_end(arguments);

    struct backtrace_frame frame = frame_of_caller();
    die(text, &frame, interrupts_flags());
}

void protector_smashed(void)
{
    struct backtrace_frame frame = frame_of_caller();
    char place[PLACE_BYTES];
    describe_nearest(&frame, place, sizeof(place));
    char text[TEXT_BYTES];
    format_buffer(text, sizeof(text), "stack smashed in %s", place);
    die(text, &frame, interrupts_flags());
}

void check_failed(const char *file, int line, const char *condition)
{
    panic("check failed: %s (%s:%d)", condition, file, line);
}

void panic_trap(const struct trap_frame *trap)
{
    in_nmi = in_nmi || trap->vector == VECTOR_NMI;
    struct backtrace_frame frame = {
        .rip = trap->rip,
        .registers = {trap->rax, trap->rcx, trap->rdx, trap->rbx, trap->rsp, trap->rbp, trap->rsi, trap->rdi, trap->r8,
                      trap->r9, trap->r10, trap->r11, trap->r12, trap->r13, trap->r14, trap->r15},
        .exact = true,
    };
    char place[PLACE_BYTES];
    describe_nearest(&frame, place, sizeof(place));
    char text[TEXT_BYTES];
    describe_trap(trap, place, text, sizeof(text));
    die(text, &frame, trap->rflags);
}
