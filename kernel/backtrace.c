/*
 * Undoing prologues. Formats: Microsoft, "x64 exception handling".
 *
 *     .pdata   begin end unwind | begin end unwind | ...       one for each function; a panic has time to read them all
 *                         |
 *     .xdata              '-> version, prologue length, codes: [offset, what] last instruction first
 *
 *     push rbp              offset 1   PUSH_NONVOL rbp        undone: rbp = *rsp, rsp += 8
 *     push rsi                     2   PUSH_NONVOL rsi
 *     sub rsp, 32                  6   ALLOC_SMALL 32         undone: rsp += 32
 *     ...
 *     <- rip                       codes at or before how far rip has come are undone, from the last to the first; what
 *                                  then lies at rsp is the return address
 *
 * Rules: .pdata and .xdata are our own linker's, but bounds are checked all the same: this runs when memory may be
 * corrupt. The stack is read by image->read only, which may say no.
 */
#include "kernel/backtrace.h"

#include "kernel/base/string.h"

/* The longest UNWIND_INFO: 255 codes. */
#define UNWIND_INFO_MAX (4 + 255 * 2)

/* All that the compilers and our assembly write (tests/lint/pe.py); any other that was executed ends the walk. */
enum unwind_operation {
    UNWIND_PUSH_NONVOL = 0,
    UNWIND_ALLOC_LARGE = 1,
    UNWIND_ALLOC_SMALL = 2,
    UNWIND_SET_FPREG = 3,
    UNWIND_PUSH_MACHFRAME = 10,
};

/* RUNTIME_FUNCTION, as .pdata has it. */
struct function {
    uint32_t begin;
    uint32_t end;
    uint32_t unwind;
};
_Static_assert(sizeof(struct function) == BACKTRACE_FUNCTION_BYTES, "struct function");

/* UNWIND_INFO, as .xdata has it. */
struct unwind_info {
    uint8_t version_flags;
    uint8_t prologue_bytes;
    uint8_t slot_count;
    uint8_t frame_register; /* number | offset / 16 << 4 */
    uint8_t codes[];        /* 2 bytes a slot: how far into the prologue; operation | operand << 4 */
};

static bool find_function(const struct backtrace_image *image, uint32_t rva, struct function *found)
{
    const uint8_t *functions = image->bytes + image->functions_rva;
    for (uint32_t i = 0; i < image->functions_count; i++, functions += sizeof(*found)) {
        memcpy(found, functions, sizeof(*found));
        if (rva >= found->begin && rva < found->end)
            return true;
    }
    return false;
}

static bool pop(const struct backtrace_image *image, struct backtrace_frame *frame, uint64_t *value)
{
    uint64_t *stack = &frame->registers[BACKTRACE_RSP];
    /* A stack pointer that is not aligned is garbage, and what it points to too. */
    if (*stack % 8 != 0 || !image->read(*stack, value))
        return false;
    *stack += 8;
    return true;
}

static bool undo(const struct backtrace_image *image, struct backtrace_frame *frame, const struct unwind_info *info,
                 const uint8_t *code, unsigned slots)
{
    uint64_t *registers = frame->registers;
    uint64_t *stack = &registers[BACKTRACE_RSP];
    unsigned operand = code[1] >> 4;
    uint32_t size = 0;
    switch (code[1] & 0xF) {
    case UNWIND_PUSH_NONVOL:
        return pop(image, frame, &registers[operand]);
    case UNWIND_ALLOC_SMALL:
        *stack += operand * 8 + 8;
        return true;
    case UNWIND_ALLOC_LARGE: /* one more slot of 16 bits, in eights, or two with 32 bits as they are */
        memcpy(&size, code + 2, slots == 2 ? 2 : 4);
        *stack += slots == 2 ? (uint64_t)size * 8 : size;
        return true;
    case UNWIND_SET_FPREG: /* stays where RSP was at that point, whatever the body then did to RSP */
        *stack = registers[info->frame_register & 0xF] - (uint64_t)(info->frame_register >> 4) * 16;
        return true;
    case UNWIND_PUSH_MACHFRAME: /* RIP, CS, RFLAGS, RSP, with an error code below if the operand says so */
        *stack += operand != 0 ? 8 : 0;
        frame->exact = true;
        return image->read(*stack, &frame->rip) && image->read(*stack + 24, stack);
    default:
        return false;
    }
}

/* `offset`: how far into the function its code had come; codes beyond it were not executed. */
static bool undo_prologue(const struct backtrace_image *image, struct backtrace_frame *frame, uint32_t info_rva,
                          uint32_t offset)
{
    if (info_rva > image->size_bytes - UNWIND_INFO_MAX)
        return false;
    const struct unwind_info *info = (const void *)(image->bytes + info_rva);
    for (unsigned i = 0, slots; i < info->slot_count; i += slots) {
        const uint8_t *code = info->codes + i * 2;
        slots = (code[1] & 0xF) != UNWIND_ALLOC_LARGE ? 1 : code[1] >> 4 == 0 ? 2 : 3;
        if (i + slots > info->slot_count || (offset >= code[0] && !undo(image, frame, info, code, slots)))
            return false;
    }
    return true;
}

/*
 * Without a table entry: a leaf function, which has not moved RSP, or a jump into the void (a null function pointer, a
 * corrupt address). Either way the return address is on top. Only the innermost frame can be so.
 * Not handled: an interruption in the middle of an epilogue, whose caller may then be missing from the list.
 */
bool backtrace_step(const struct backtrace_image *image, struct backtrace_frame *frame)
{
    uint64_t stack_before = frame->registers[BACKTRACE_RSP];
    bool innermost = frame->exact;
    /* A call may be a function's last instruction, its return address another function's. */
    uint64_t inside = frame->rip - image->base - (innermost ? 0 : 1);
    struct function function;
    frame->exact = false; /* a caller's RIP is a return address, unless the CPU pushed it */
    if (inside < image->size_bytes && find_function(image, (uint32_t)inside, &function)) {
        if (!undo_prologue(image, frame, function.unwind, (uint32_t)inside - function.begin))
            return false;
    } else if (!innermost) {
        return false;
    }
    if (frame->exact)
        return true;
    return pop(image, frame, &frame->rip) && frame->rip != 0 && frame->registers[BACKTRACE_RSP] > stack_before;
}
