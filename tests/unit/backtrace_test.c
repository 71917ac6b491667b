/*
 * Unwinding, over an image and a stack in buffers.
 *
 * The image is all tables: RUNTIME_FUNCTION entries at FUNCTIONS, one UNWIND_INFO every 64 bytes from INFOS on.
 * Function number n covers RVAs [(n + 1) * 0x100, (n + 1) * 0x100 + 0x80). The stack is an array of words that starts
 * at STACK; everything else is unreadable, and a read of it is refused as the kernel refuses it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/backtrace.h"

#define BASE        0xFFFFFFFF80000000ull
#define STACK       0xFFFFC00000010000ull
#define STACK_WORDS 64u
#define IMAGE_BYTES 0x4000u
#define FUNCTIONS   0x2000u
#define INFOS       0x3000u
#define INFO_BYTES  64u
#define COUNT       16u

#define RBX 3
#define RBP 5
#define RSI 6

static uint8_t bytes[IMAGE_BYTES];
static uint64_t stack[STACK_WORDS];

static bool read_stack(uint64_t address, uint64_t *value)
{
    if (address < STACK || address > STACK + sizeof(stack) - 8)
        return false;
    memcpy(value, (const uint8_t *)stack + (address - STACK), 8);
    return true;
}

static const struct backtrace_image image = {BASE, bytes, IMAGE_BYTES, FUNCTIONS, COUNT, read_stack};

static uint32_t rva_of(unsigned function)
{
    return (function + 1) * 0x100;
}

static uint64_t inside(unsigned function, uint32_t offset)
{
    return BASE + rva_of(function) + offset;
}

static void store32(uint32_t at, uint32_t value)
{
    memcpy(bytes + at, &value, 4);
}

static int setup(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    memset(stack, 0, sizeof(stack));
    for (unsigned i = 0; i < COUNT; i++) {
        store32(FUNCTIONS + i * 12, rva_of(i));
        store32(FUNCTIONS + i * 12 + 4, rva_of(i) + 0x80);
        store32(FUNCTIONS + i * 12 + 8, INFOS + i * INFO_BYTES);
        bytes[INFOS + i * INFO_BYTES] = 1;
    }
    return 0;
}

/* The UNWIND_INFO of a function: a head of 4 bytes, then codes. */
static void describe(unsigned function, const uint8_t *info, size_t size)
{
    memcpy(bytes + INFOS + function * INFO_BYTES, info, size);
}
#define DESCRIBE(function, ...)                          \
    do {                                                 \
        const uint8_t info[] = {__VA_ARGS__};            \
        describe(function, info, sizeof(info));          \
    } while (0)

static struct backtrace_frame frame_at(uint64_t rip, bool exact)
{
    struct backtrace_frame frame = {.rip = rip, .exact = exact};
    frame.registers[BACKTRACE_RSP] = STACK;
    return frame;
}

/* push rbx; push rbp; sub rsp, 40 */
static void describe_pushes(unsigned function)
{
    DESCRIBE(function, 1, 6, 3, 0, 6, 2 | 4 << 4, 2, RBP << 4, 1, RBX << 4);
}

/* Past the prologue everything is undone: the registers come back, and the return address is the caller's place. */
static void test_pushes(void **state)
{
    (void)state;
    describe_pushes(2);
    stack[5] = 0x55;
    stack[6] = 0xBB;
    stack[7] = inside(3, 0x10);
    struct backtrace_frame frame = frame_at(inside(2, 0x20), true);
    assert_true(backtrace_step(&image, &frame));
    assert_int_equal(frame.rip, inside(3, 0x10));
    assert_int_equal(frame.registers[RBP], 0x55);
    assert_int_equal(frame.registers[RBX], 0xBB);
    assert_int_equal(frame.registers[BACKTRACE_RSP], STACK + 8 * 8);
    assert_false(frame.exact);
}

/* In the prologue only what was executed is undone: here, push rbx. */
static void test_in_prologue(void **state)
{
    (void)state;
    describe_pushes(2);
    stack[0] = 0xBB;
    stack[1] = inside(3, 0x10);
    struct backtrace_frame frame = frame_at(inside(2, 1), true);
    assert_true(backtrace_step(&image, &frame));
    assert_int_equal(frame.registers[RBX], 0xBB);
    assert_int_equal(frame.rip, inside(3, 0x10));
}

/* A call may be the last instruction: its return address is then the next function's, or nobody's. */
static void test_call_at_end(void **state)
{
    (void)state;
    describe_pushes(2);
    stack[7] = inside(3, 0x10);
    struct backtrace_frame frame = frame_at(inside(2, 0x80), false);
    assert_true(backtrace_step(&image, &frame));
    assert_int_equal(frame.rip, inside(3, 0x10));
}

/* Both sizes of large allocation: 16 bits in eights, and 32 bits. */
static void test_large(void **state)
{
    (void)state;
    DESCRIBE(0, 1, 7, 2, 0, 7, 1, 20, 0);
    stack[20] = inside(1, 9);
    struct backtrace_frame frame = frame_at(inside(0, 0x20), true);
    assert_true(backtrace_step(&image, &frame));
    assert_int_equal(frame.registers[BACKTRACE_RSP], STACK + 21 * 8);

    DESCRIBE(0, 1, 7, 3, 0, 7, 1 | 1 << 4, 160, 0, 0, 0);
    frame = frame_at(inside(0, 0x20), true);
    assert_true(backtrace_step(&image, &frame));
    assert_int_equal(frame.registers[BACKTRACE_RSP], STACK + 21 * 8);
}

/* push rsi, sub rsp, 64, lea rbp, [rsp + 32], then an alloca of 80 bytes that the table knows nothing of. */
static void test_frame_register(void **state)
{
    (void)state;
    DESCRIBE(0, 1, 10, 3, RBP | 2 << 4, 10, 3, 5, 2 | 7 << 4, 1, RSI << 4);
    stack[10 + 8] = 0x51;
    stack[10 + 9] = inside(1, 9);
    struct backtrace_frame frame = frame_at(inside(0, 0x20), true);
    frame.registers[RBP] = STACK + 80 + 32;
    assert_true(backtrace_step(&image, &frame));
    assert_int_equal(frame.registers[RSI], 0x51);
    assert_int_equal(frame.rip, inside(1, 9));
    assert_int_equal(frame.registers[BACKTRACE_RSP], STACK + 80 + 80);
}

/* vectors.asm's frame: what the CPU pushed says where the interrupted code was, to the instruction. */
static void test_trap(void **state)
{
    (void)state;
    DESCRIBE(0, 1, 8, 2, 0, 8, 2 | 1 << 4, 0, 10 | 1 << 4);
    stack[3] = inside(1, 0);
    stack[6] = STACK + 40 * 8;
    struct backtrace_frame frame = frame_at(inside(0, 0x20), false);
    assert_true(backtrace_step(&image, &frame));
    assert_true(frame.exact);
    assert_int_equal(frame.rip, inside(1, 0));
    assert_int_equal(frame.registers[BACKTRACE_RSP], STACK + 40 * 8);
}

/* A call through a null pointer, or any jump into the void: the caller's return address is on top of the stack. */
static void test_jump_into_the_void(void **state)
{
    (void)state;
    stack[0] = inside(3, 0x10);
    struct backtrace_frame frame = frame_at(0, true);
    assert_true(backtrace_step(&image, &frame));
    assert_int_equal(frame.rip, inside(3, 0x10));
    assert_int_equal(frame.registers[BACKTRACE_RSP], STACK + 8);
}

/* A return address that is no code ends the walk: nothing says what is above it. So does 0, which ends our stacks. */
static void test_ends(void **state)
{
    (void)state;
    struct backtrace_frame frame = frame_at(0x1234, false);
    assert_false(backtrace_step(&image, &frame));
    frame = frame_at(inside(0, 0x10), true);
    assert_false(backtrace_step(&image, &frame));
}

/* A stack pointer that leads nowhere, or is not aligned, is not followed. */
static void test_bad_stack(void **state)
{
    (void)state;
    describe_pushes(2);
    struct backtrace_frame frame = frame_at(inside(2, 0x20), true);
    frame.registers[BACKTRACE_RSP] = 0x1000;
    assert_false(backtrace_step(&image, &frame));
    frame = frame_at(inside(2, 0x20), true);
    frame.registers[BACKTRACE_RSP] = STACK + 3;
    assert_false(backtrace_step(&image, &frame));
    frame = frame_at(inside(2, 0x20), true);
    frame.registers[BACKTRACE_RSP] = ~(uint64_t)0 - 7;
    assert_false(backtrace_step(&image, &frame));
}

/* Tables that are damaged end the walk: unknown operations, operands beyond the codes. */
static void test_bad_tables(void **state)
{
    (void)state;
    DESCRIBE(0, 1, 4, 1, 0, 4, 7);
    struct backtrace_frame frame = frame_at(inside(0, 0x20), true);
    assert_false(backtrace_step(&image, &frame));

    DESCRIBE(0, 1, 4, 1, 0, 4, 1);
    frame = frame_at(inside(0, 0x20), true);
    assert_false(backtrace_step(&image, &frame));

    store32(FUNCTIONS + 8, IMAGE_BYTES - 2);
    frame = frame_at(inside(0, 0x20), true);
    assert_false(backtrace_step(&image, &frame));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pushes, setup),
        cmocka_unit_test_setup(test_in_prologue, setup),
        cmocka_unit_test_setup(test_call_at_end, setup),
        cmocka_unit_test_setup(test_large, setup),
        cmocka_unit_test_setup(test_frame_register, setup),
        cmocka_unit_test_setup(test_trap, setup),
        cmocka_unit_test_setup(test_jump_into_the_void, setup),
        cmocka_unit_test_setup(test_ends, setup),
        cmocka_unit_test_setup(test_bad_stack, setup),
        cmocka_unit_test_setup(test_bad_tables, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
