#!/usr/bin/python3
"""The table of function names that backtraces read (kernel/symbols.h has the format).

Usage:
    symbols.py MAP OUTPUT.asm        the table of the functions in an lld-link map, as NASM source
    symbols.py --empty OUTPUT.asm    a table of no functions, for the first link
    symbols.py --check MAP1 MAP2     fails unless every function of MAP1 has the same address in MAP2

The kernel is linked twice: first with an empty table, to learn the addresses, then with the full one. The section
.ksyms stands behind every other that holds code or data, so that its growth moves nothing; --check proves that.
boot/ is left out: it is gone by the time that anybody asks.
"""
import re
import struct
import sys

NAME_BYTES = 63  # SYMBOL_NAME_BYTES less the terminator

SECTION_LINE = re.compile(r"^\s*([0-9a-f]{4}):[0-9a-f]{8}\s+[0-9a-f]{8}H\s+(\S+)\s+(CODE|DATA)\s*$", re.IGNORECASE)
SYMBOL_LINE = re.compile(r"^\s*([0-9a-f]{4}):[0-9a-f]{8}\s+(\S+)\s+([0-9a-f]{16})\s", re.IGNORECASE)
BASE_LINE = re.compile(r"^\s*Preferred load address is ([0-9a-f]+)", re.IGNORECASE)


def read_map(path):
    """The functions of a map, as a list of (rva, name) in rising order, one name an address."""
    base = None
    code = set()
    functions = {}
    with open(path, encoding="ascii", errors="replace") as lines:
        for line in lines:
            match = BASE_LINE.match(line)
            if match:
                base = int(match[1], 16)
                continue
            match = SECTION_LINE.match(line)
            if match:
                if match[3].upper() == "CODE" and not match[2].startswith(".boot"):
                    code.add(match[1])
                continue
            match = SYMBOL_LINE.match(line)
            if match and match[1] in code and "." not in match[2]:  # a.b: NASM's local label b of a
                functions.setdefault(int(match[3], 16), match[2])
    if base is None or not functions:
        sys.exit(f"symbols.py: {path}: not an lld-link map with functions")
    return sorted((address - base, name) for address, name in functions.items())


def shared_length(before, name):
    length = 0
    while length < min(len(before), len(name)) and before[length] == name[length]:
        length += 1
    return length


def encode(functions):
    """The bytes of the table."""
    names = bytearray()
    before = b""
    for _, name in functions:
        text = name.encode("ascii", "replace")[:NAME_BYTES]
        shared = shared_length(before, text)
        names += bytes([shared]) + text[shared:] + b"\0"
        before = text
    addresses = b"".join(struct.pack("<I", rva) for rva, _ in functions)
    return struct.pack("<I", len(functions)) + addresses + bytes(names)


def write_assembly(path, table):
    rows = (table[i:i + 32] for i in range(0, len(table), 32))
    with open(path, "w", encoding="ascii") as out:
        out.write("; Written by image/symbols.py; format: kernel/symbols.h.\n\n")
        out.write("section .ksyms rdata align=4\nglobal symbol_table\nsymbol_table:\n")
        for row in rows:
            out.write("    db " + ",".join(str(byte) for byte in row) + "\n")


def check(first_path, second_path):
    first = read_map(first_path)
    second = dict(read_map(second_path))
    moved = [f"{name} at {rva:#x}" for rva, name in first if second.get(rva) != name]
    if moved or len(first) != len(second):
        sys.exit("symbols.py: the second link moved functions, their names would be wrong: " + ", ".join(moved[:5]))


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--check":
        check(arguments[1], arguments[2])
    elif len(arguments) == 2 and arguments[0] == "--empty":
        write_assembly(arguments[1], encode([]))
    elif len(arguments) == 2:
        write_assembly(arguments[1], encode(read_map(arguments[0])))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
