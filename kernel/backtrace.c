/* Undoing prologues. Formats: Microsoft, "x64 exception handling". */
#include "kernel/backtrace.h"

#include "kernel/base/string.h"

#define UNWIND_CHAINED 0x4u
#define CHAIN_MAX      8u

enum unwind_operation {
    UNWIND_PUSH_NONVOL = 0,
    UNWIND_ALLOC_LARGE = 1,
    UNWIND_ALLOC_SMALL = 2,
    UNWIND_SET_FPREG = 3,
    UNWIND_SAVE_NONVOL = 4,
    UNWIND_SAVE_NONVOL_FAR = 5,
    UNWIND_EPILOG = 6,
    UNWIND_SAVE_XMM128 = 8,
    UNWIND_SAVE_XMM128_FAR = 9,
    UNWIND_PUSH_MACHFRAME = 10,
};

struct function {
    uint32_t begin;
    uint32_t end;
    uint32_t unwind;
};

/* One UNWIND_INFO being undone. */
struct unwind {
    const struct backtrace_image *image;
    struct backtrace_frame *frame;
    const uint8_t *info;
    uint32_t offset;      /* how far into the function its code had come; codes beyond it were not executed */
    uint64_t saved_base;  /* what the offsets of SAVE_NONVOL count from */
    bool machine_frame;   /* the CPU pushed the caller's RIP and RSP itself */
};

static uint32_t load32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint16_t load16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static struct function function_at(const uint8_t *entry)
{
    return (struct function){load32(entry), load32(entry + 4), load32(entry + 8)};
}

static bool find_function(const struct backtrace_image *image, uint32_t rva, struct function *found)
{
    uint32_t low = 0;
    uint32_t high = image->functions_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        *found = function_at(image->bytes + image->functions_rva + (size_t)middle * BACKTRACE_FUNCTION_BYTES);
        if (rva < found->begin)
            high = middle;
        else if (rva >= found->end)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

static bool pop(const struct backtrace_image *image, struct backtrace_frame *frame, uint64_t *value)
{
    uint64_t *stack = &frame->registers[BACKTRACE_RSP];
    if (*stack % 8 != 0 || !image->read(*stack, value))
        return false;
    *stack += 8;
    return true;
}

/* How many 16-bit slots an operation takes; 0: none that we know. */
static unsigned slots_of(unsigned operation, unsigned info)
{
    switch (operation) {
    case UNWIND_PUSH_NONVOL:
    case UNWIND_ALLOC_SMALL:
    case UNWIND_SET_FPREG:
    case UNWIND_EPILOG:
    case UNWIND_PUSH_MACHFRAME:
        return 1;
    case UNWIND_ALLOC_LARGE:
        return info == 0 ? 2 : 3;
    case UNWIND_SAVE_NONVOL:
    case UNWIND_SAVE_XMM128:
        return 2;
    case UNWIND_SAVE_NONVOL_FAR:
    case UNWIND_SAVE_XMM128_FAR:
        return 3;
    default:
        return 0;
    }
}

/* The operand after a code: one slot of 16 bits, scaled by 8, or two slots with 32 bits as they are. */
static uint64_t operand(const uint8_t *code, unsigned slots)
{
    return slots == 2 ? (uint64_t)load16(code + 2) * 8 : load32(code + 2);
}

static bool pop_machine_frame(struct unwind *unwind, bool has_error)
{
    struct backtrace_frame *frame = unwind->frame;
    frame->registers[BACKTRACE_RSP] += has_error ? 8 : 0;
    uint64_t stack = frame->registers[BACKTRACE_RSP];
    unwind->machine_frame = true;
    return unwind->image->read(stack, &frame->rip) &&
           unwind->image->read(stack + 24, &frame->registers[BACKTRACE_RSP]); /* RIP, CS, RFLAGS, RSP */
}

static bool undo(struct unwind *unwind, const uint8_t *code, unsigned slots)
{
    uint64_t *registers = unwind->frame->registers;
    unsigned info = code[1] >> 4;
    switch (code[1] & 0xF) {
    case UNWIND_PUSH_NONVOL:
        return pop(unwind->image, unwind->frame, &registers[info]);
    case UNWIND_ALLOC_SMALL:
        registers[BACKTRACE_RSP] += info * 8 + 8;
        return true;
    case UNWIND_ALLOC_LARGE:
        registers[BACKTRACE_RSP] += operand(code, slots);
        return true;
    case UNWIND_SET_FPREG:
        registers[BACKTRACE_RSP] = unwind->saved_base;
        return true;
    case UNWIND_SAVE_NONVOL:
    case UNWIND_SAVE_NONVOL_FAR:
        return unwind->image->read(unwind->saved_base + operand(code, slots), &registers[info]);
    case UNWIND_PUSH_MACHFRAME:
        return pop_machine_frame(unwind, info != 0);
    default: /* XMM registers are no use to a backtrace; an epilog is not a prologue */
        return true;
    }
}

/*
 * The frame register, once set, stays where RSP was at that point, whatever the body then did to RSP. Before that, and
 * in functions without one, offsets count from RSP.
 */
static uint64_t saved_base_of(const struct unwind *unwind)
{
    const uint8_t *info = unwind->info;
    unsigned frame_register = info[3] & 0xF;
    bool set = frame_register != 0 && unwind->offset >= info[1];
    if (!set)
        return unwind->frame->registers[BACKTRACE_RSP];
    return unwind->frame->registers[frame_register] - (uint64_t)(info[3] >> 4) * 16;
}

static bool undo_prologue(struct unwind *unwind)
{
    unsigned count = unwind->info[2];
    unwind->saved_base = saved_base_of(unwind);
    for (unsigned i = 0; i < count;) {
        const uint8_t *code = unwind->info + 4 + i * 2;
        unsigned slots = slots_of(code[1] & 0xF, code[1] >> 4);
        if (slots == 0 || i + slots > count)
            return false;
        if (unwind->offset >= code[0] && !undo(unwind, code, slots))
            return false;
        i += slots;
    }
    return true;
}

/* Bounds of the longest UNWIND_INFO: 255 codes, and the function that it may be chained to. */
static const uint8_t *unwind_info(const struct backtrace_image *image, uint32_t rva)
{
    bool inside = rva < image->size_bytes && image->size_bytes - rva >= 4;
    if (!inside)
        return NULL;
    const uint8_t *info = image->bytes + rva;
    uint32_t codes_bytes = ((info[2] + 1u) & ~1u) * 2;
    return image->size_bytes - rva >= 4 + codes_bytes + BACKTRACE_FUNCTION_BYTES ? info : NULL;
}

/* Everything that the function and those it is chained to did, in the reverse order. */
static bool undo_function(struct unwind *unwind, uint32_t info_rva)
{
    for (unsigned depth = 0; depth < CHAIN_MAX; depth++) {
        unwind->info = unwind_info(unwind->image, info_rva);
        if (unwind->info == NULL || !undo_prologue(unwind))
            return false;
        if ((unwind->info[0] >> 3 & UNWIND_CHAINED) == 0)
            return true;
        info_rva = function_at(unwind->info + 4 + ((unwind->info[2] + 1u) & ~1u) * 2).unwind;
        unwind->offset = UINT32_MAX; /* the prologue of the parent was executed in full */
    }
    return false;
}

/*
 * Without a table entry: a leaf function, which has not moved RSP, or a jump into the void (a null function pointer, a
 * corrupt address). Either way the return address is on top. Only the innermost frame can be so.
 */
static bool step_leaf(const struct backtrace_image *image, struct backtrace_frame *frame)
{
    if (!frame->exact)
        return false;
    frame->exact = false;
    return pop(image, frame, &frame->rip) && frame->rip != 0;
}

/* Not handled: an interruption in the middle of an epilogue, whose caller may then be missing from the list. */
bool backtrace_step(const struct backtrace_image *image, struct backtrace_frame *frame)
{
    uint64_t stack_before = frame->registers[BACKTRACE_RSP];
    /* A call may be a function's last instruction, its return address another function's. */
    uint64_t inside = frame->rip - image->base - (frame->exact ? 0 : 1);
    struct function function;
    if (inside >= image->size_bytes || !find_function(image, (uint32_t)inside, &function))
        return step_leaf(image, frame);

    struct unwind unwind = {.image = image, .frame = frame, .offset = (uint32_t)inside - function.begin};
    if (!undo_function(&unwind, function.unwind))
        return false;
    frame->exact = unwind.machine_frame;
    if (unwind.machine_frame)
        return true;
    return pop(image, frame, &frame->rip) && frame->rip != 0 && frame->registers[BACKTRACE_RSP] > stack_before;
}
