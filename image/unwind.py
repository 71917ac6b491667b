"""Who called: one step up the stack by the image's unwind tables, for gdb (Microsoft, x64 exception handling).

gdb itself follows such tables only where it was built for Windows, which Debian's is not. Pure: tables and code come
from the file, registers and memory from who asks.
"""

import re
import struct

REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()

PUSH_NONVOL, ALLOC_LARGE, ALLOC_SMALL, SET_FPREG, SAVE_NONVOL, SAVE_NONVOL_FAR, PUSH_MACHFRAME = 0, 1, 2, 3, 4, 5, 10
CHAINED = 4        # flag: a RUNTIME_FUNCTION with the rest of the prologue stands behind the codes
EPILOGUE_BYTES = 32

# What ends a function: the stack pointer moves back, registers are popped, and then a return, or a jump elsewhere.
EPILOGUE = re.compile(rb"(?:\x48\x83\xc4(?P<add8>.)|\x48\x81\xc4(?P<add32>.{4})|\x48\x8d\x65(?P<lea8>.))?"
                      rb"(?P<pops>(?:\x41?[\x58-\x5f])*)(?:\xc3|\xe9(?P<jump32>.{4})|\xeb(?P<jump8>.))", re.DOTALL)


def slots(operation, information):
    """How many two-byte codes the operation takes."""
    return {ALLOC_LARGE: 2 + information, SAVE_NONVOL: 2, SAVE_NONVOL_FAR: 3, 8: 2, 9: 3}.get(operation, 1)


def unwind_codes(image, rva, function):
    """(operation, information, operand) of every step of the prologue that was taken at rva, the last one first."""
    while True:
        head, _, count, frame = struct.unpack("<BBBB", image.read(function.unwind, 4))
        codes = image.read(function.unwind + 4, 2 * (count + count % 2) + 12)
        index = 0
        while index < count:
            offset, operation, information = codes[2 * index], codes[2 * index + 1] & 15, codes[2 * index + 1] >> 4
            taken = slots(operation, information)
            operand = int.from_bytes(codes[2 * index + 2:2 * (index + taken)], "little")
            if offset <= rva - function.start:
                yield operation, (frame if operation == SET_FPREG else information), operand
            index += taken
        if not head >> 3 & CHAINED:
            return
        chained = struct.unpack_from("<III", codes, 2 * (count + count % 2))
        function, rva = type(function)(*chained), chained[1]  # all of its prologue was taken


def undo_prologue(image, rva, function, registers, read):
    """Takes the registers back to the function's entry. False after a frame that the CPU made: all is restored."""
    for operation, information, operand in unwind_codes(image, rva, function):
        if operation == PUSH_NONVOL:
            registers[REGISTERS[information]] = read(registers["rsp"])
            registers["rsp"] += 8
        elif operation == ALLOC_LARGE:
            registers["rsp"] += operand if information else 8 * operand
        elif operation == ALLOC_SMALL:
            registers["rsp"] += 8 * information + 8
        elif operation == SET_FPREG:
            registers["rsp"] = registers[REGISTERS[information & 15]] - 16 * (information >> 4)
        elif operation in (SAVE_NONVOL, SAVE_NONVOL_FAR):
            scale = 8 if operation == SAVE_NONVOL else 1
            registers[REGISTERS[information]] = read(registers["rsp"] + scale * operand)
        elif operation == PUSH_MACHFRAME:
            frame = registers["rsp"] + 8 * information  # behind an error code
            registers["rip"], registers["rsp"] = read(frame), read(frame + 24)
            return False
    return True


def signed(*operands):
    """The one operand that is there."""
    return int.from_bytes(next(filter(None, operands), b""), "little", signed=True)


def undo_epilogue(image, rva, function, registers, read):
    """Does what is left of the epilogue, if rva is in one."""
    match = EPILOGUE.match(image.read(rva, EPILOGUE_BYTES))
    if not match:
        return False
    jump = match["jump32"] or match["jump8"]
    if jump and function.start <= rva + match.end() + signed(jump) < function.end:
        return False
    if match["lea8"]:
        registers["rsp"] = registers["rbp"] + signed(match["lea8"])
    registers["rsp"] += signed(match["add8"], match["add32"])
    for pop in re.findall(rb"\x41?[\x58-\x5f]", match["pops"]):
        registers[REGISTERS[pop[-1] - 0x58 + 8 * (len(pop) - 1)]] = read(registers["rsp"])
        registers["rsp"] += 8
    return True


def caller(image, base, registers, read):
    """The registers of the caller, from those of a function of the image at `base`; read(address) reads 64 bits."""
    registers = dict(registers)
    rva = registers["rip"] - base
    function = image.function_at(rva)
    returns = True
    if function and not undo_epilogue(image, rva, function, registers, read):
        returns = undo_prologue(image, rva, function, registers, read)
    if returns:  # what the call pushed; all there is of a function without tables, which never moves rsp
        registers["rip"] = read(registers["rsp"])
        registers["rsp"] += 8
    return registers
