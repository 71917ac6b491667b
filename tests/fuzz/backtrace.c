/*
 * backtrace_step over an image whose unwind tables are any bytes, and a stack that is any bytes. Holds: no read outside
 * the image, no read of a stack that is not there, and a step that succeeds moves up the stack or was an interruption.
 *
 * Input: functions (1 byte), where the tables begin (2), RIP (2), RSP (1), exact (1), then registers' and stack's seed
 * (8), then the image.
 */
#include "kernel/backtrace.h"
#include "tests/fuzz/input.h"

#define IMAGE_BASE  0xFFFFFFFF80000000ull
#define STACK_BASE  0xFFFFC00000010000ull
#define STACK_WORDS 64u
#define STEPS_MAX   64u

static uint64_t stack[STACK_WORDS];

static bool read_stack(uint64_t address, uint64_t *value)
{
    if (address < STACK_BASE || address - STACK_BASE > sizeof(stack) - 8)
        return false;
    memcpy(value, (const uint8_t *)stack + (address - STACK_BASE), 8);
    return true;
}

/* Words that are return addresses, frame pointers, or neither. */
static uint64_t likely_word(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t dice = *seed >> 33;
    switch (dice % 4) {
    case 0:
        return STACK_BASE + dice / 4 % STACK_WORDS * 8;
    case 1:
        return 0;
    default:
        return IMAGE_BASE + dice / 4 % 1024;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct input input = {bytes, size_bytes};
    uint32_t functions_count = (uint32_t)input_number(&input, 1);
    uint32_t functions_rva = (uint32_t)input_number(&input, 2);
    struct backtrace_frame frame = {.rip = IMAGE_BASE + input_number(&input, 2)};
    uint64_t stack_pointer = STACK_BASE + input_number(&input, 1) * 4;
    frame.exact = input_number(&input, 1) % 2 != 0;
    uint64_t seed = input_number(&input, 8);
    for (unsigned i = 0; i < 16; i++)
        frame.registers[i] = likely_word(&seed);
    frame.registers[BACKTRACE_RSP] = stack_pointer;
    for (unsigned i = 0; i < STACK_WORDS; i++)
        stack[i] = likely_word(&seed);

    uint32_t image_bytes = (uint32_t)align_up(input.left_bytes + 1, PAGE_SIZE); /* SizeOfImage is whole pages */
    uint8_t *copy = calloc(1, image_bytes);
    memcpy(copy, input.next, input.left_bytes);
    bool fits = functions_rva <= image_bytes &&
                functions_count <= (image_bytes - functions_rva) / BACKTRACE_FUNCTION_BYTES; /* pe_describe's part */
    struct backtrace_image image = {
        .base = IMAGE_BASE,
        .bytes = copy,
        .size_bytes = image_bytes,
        .functions_rva = functions_rva,
        .functions_count = fits ? functions_count : 0,
        .read = read_stack,
    };
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        uint64_t before = frame.registers[BACKTRACE_RSP];
        if (!backtrace_step(&image, &frame))
            break;
        CHECK(frame.exact || frame.registers[BACKTRACE_RSP] > before);
        CHECK(frame.exact || frame.rip != 0);
    }
    free(copy);
    return 0;
}
