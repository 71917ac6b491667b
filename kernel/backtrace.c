/*
 * Undoing prologues. Formats: Microsoft, "x64 exception handling".
 *
 *     .pdata   begin end unwind | begin end unwind | ...       one for each function, sorted: found by halves
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

#define UNWIND_CHAINED 0x4u
#define CHAIN_MAX      8u

/* The longest UNWIND_INFO: 255 codes, and the function that it may be chained to. */
#define UNWIND_INFO_MAX (4 + 256 * 2 + BACKTRACE_FUNCTION_BYTES)

enum unwind_operation {
    UNWIND_PUSH_NONVOL = 0,
    UNWIND_ALLOC_LARGE = 1,
    UNWIND_ALLOC_SMALL = 2,
    UNWIND_SET_FPREG = 3,
    UNWIND_SAVE_NONVOL = 4,
    UNWIND_SAVE_NONVOL_FAR = 5,
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
    uint8_t codes[];        /* 2 bytes a slot, an even number of slots; then the parent's struct function if chained */
};

/* One UNWIND_INFO being undone. */
struct unwind {
    const struct backtrace_image *image;
    struct backtrace_frame *frame;
    uint32_t offset;     /* how far into the function its code had come; codes beyond it were not executed */
    uint64_t saved_base; /* what the offsets of SAVE_NONVOL count from */
    bool machine_frame;  /* the CPU pushed the caller's RIP and RSP itself */
};

static struct function function_at(const uint8_t *entry)
{
    struct function function;
    memcpy(&function, entry, sizeof(function));
    return function;
}

static bool find_function(const struct backtrace_image *image, uint32_t rva, struct function *found)
{
    uint32_t low = 0;
    uint32_t high = image->functions_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        *found = function_at(image->bytes + image->functions_rva + (size_t)middle * BACKTRACE_FUNCTION_BYTES);
        if (rva >= found->begin && rva < found->end)
            return true;
        if (rva < found->begin)
            high = middle;
        else
            low = middle + 1;
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

/*
 * How many 16-bit slots an operation takes, ALLOC_LARGE one more with its info set; 0: none that the kernel's code has,
 * which saves no XMM registers.
 */
static const uint8_t slot_counts[16] = {
    [UNWIND_PUSH_NONVOL] = 1, [UNWIND_ALLOC_LARGE] = 2, [UNWIND_ALLOC_SMALL] = 1, [UNWIND_SET_FPREG] = 1,
    [UNWIND_SAVE_NONVOL] = 2, [UNWIND_SAVE_NONVOL_FAR] = 3, [UNWIND_PUSH_MACHFRAME] = 1,
};

/* The operand after a code: one slot of 16 bits, scaled by 8, or two slots with 32 bits as they are. */
static uint64_t operand(const uint8_t *code, unsigned slots)
{
    uint32_t value = 0;
    memcpy(&value, code + 2, slots == 2 ? 2 : 4);
    return slots == 2 ? (uint64_t)value * 8 : value;
}

static bool undo(struct unwind *unwind, const uint8_t *code, unsigned slots)
{
    const struct backtrace_image *image = unwind->image;
    uint64_t *registers = unwind->frame->registers;
    uint64_t *stack = &registers[BACKTRACE_RSP];
    unsigned info = code[1] >> 4;
    switch (code[1] & 0xF) {
    case UNWIND_PUSH_NONVOL:
        return pop(image, unwind->frame, &registers[info]);
    case UNWIND_ALLOC_SMALL:
        *stack += info * 8 + 8;
        return true;
    case UNWIND_ALLOC_LARGE:
        *stack += operand(code, slots);
        return true;
    case UNWIND_SET_FPREG:
        *stack = unwind->saved_base;
        return true;
    case UNWIND_SAVE_NONVOL:
    case UNWIND_SAVE_NONVOL_FAR:
        return image->read(unwind->saved_base + operand(code, slots), &registers[info]);
    case UNWIND_PUSH_MACHFRAME: /* RIP, CS, RFLAGS, RSP, with an error code below if `info` says so */
        *stack += info != 0 ? 8 : 0;
        unwind->machine_frame = true;
        return image->read(*stack, &unwind->frame->rip) && image->read(*stack + 24, stack);
    default:
        return false;
    }
}

/*
 * The frame register, once set, stays where RSP was at that point, whatever the body then did to RSP. Before that, and
 * in functions without one, offsets count from RSP.
 */
static uint64_t saved_base_of(const struct unwind *unwind, const struct unwind_info *info)
{
    const uint64_t *registers = unwind->frame->registers;
    unsigned frame_register = info->frame_register & 0xF;
    if (frame_register == 0 || unwind->offset < info->prologue_bytes)
        return registers[BACKTRACE_RSP];
    return registers[frame_register] - (uint64_t)(info->frame_register >> 4) * 16;
}

static bool undo_prologue(struct unwind *unwind, const struct unwind_info *info)
{
    unwind->saved_base = saved_base_of(unwind, info);
    for (unsigned i = 0; i < info->slot_count;) {
        const uint8_t *code = info->codes + i * 2;
        unsigned operation = code[1] & 0xF;
        unsigned slots = slot_counts[operation] + (operation == UNWIND_ALLOC_LARGE && code[1] >> 4 != 0);
        if (slots == 0 || i + slots > info->slot_count)
            return false;
        if (unwind->offset >= code[0] && !undo(unwind, code, slots))
            return false;
        i += slots;
    }
    return true;
}

/* Everything that the function and those it is chained to did, in the reverse order. */
static bool undo_function(struct unwind *unwind, uint32_t info_rva)
{
    for (unsigned depth = 0; depth < CHAIN_MAX; depth++) {
        if (info_rva > unwind->image->size_bytes - UNWIND_INFO_MAX)
            return false;
        const struct unwind_info *info = (const void *)(unwind->image->bytes + info_rva);
        if (!undo_prologue(unwind, info))
            return false;
        if ((info->version_flags >> 3 & UNWIND_CHAINED) == 0)
            return true;
        info_rva = function_at(info->codes + ((info->slot_count + 1u) & ~1u) * 2).unwind;
        unwind->offset = UINT32_MAX; /* the prologue of the parent was executed in full */
    }
    return false;
}

/*
 * Without a table entry: a leaf function, which has not moved RSP, or a jump into the void (a null function pointer, a
 * corrupt address). Either way the return address is on top. Only the innermost frame can be so.
 * Not handled: an interruption in the middle of an epilogue, whose caller may then be missing from the list.
 */
bool backtrace_step(const struct backtrace_image *image, struct backtrace_frame *frame)
{
    uint64_t stack_before = frame->registers[BACKTRACE_RSP];
    /* A call may be a function's last instruction, its return address another function's. */
    uint64_t inside = frame->rip - image->base - (frame->exact ? 0 : 1);
    struct unwind unwind = {.image = image, .frame = frame};
    struct function function;
    if (inside < image->size_bytes && find_function(image, (uint32_t)inside, &function)) {
        unwind.offset = (uint32_t)inside - function.begin;
        if (!undo_function(&unwind, function.unwind))
            return false;
    } else if (!frame->exact) {
        return false;
    }
    frame->exact = unwind.machine_frame;
    if (unwind.machine_frame)
        return true;
    return pop(image, frame, &frame->rip) && frame->rip != 0 && frame->registers[BACKTRACE_RSP] > stack_before;
}
