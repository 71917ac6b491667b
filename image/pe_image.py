"""What image/ wants to know of a PE: sections, entry point, functions (Microsoft, PE Format).

Reads what our own linker wrote; a file that is no PE is refused, nothing more is checked.
"""

import bisect
import struct
from collections import namedtuple
from pathlib import Path

Section = namedtuple("Section", "name rva size_bytes offset content")
Function = namedtuple("Function", "start end unwind")  # a RUNTIME_FUNCTION: RVAs of its code and of its UNWIND_INFO

DIRECTORY_EXCEPTION = 3


class PeImage:
    """base: where it is linked to run. size_bytes: in memory. entry: RVA of the entry point. functions: by address."""

    def __init__(self, path):
        self.path = path
        self.bytes = Path(path).read_bytes()
        coff = struct.unpack_from("<I", self.bytes, 0x3C)[0] + 4 if len(self.bytes) >= 0x40 else 0
        if self.bytes[:2] != b"MZ" or self.bytes[coff - 4:coff] != b"PE\0\0":
            raise ValueError(f"{path} is not an EFI image: it has no PE header")
        count, optional_bytes = struct.unpack_from("<H12xH", self.bytes, coff + 2)
        optional = coff + 20
        self.entry, self.base = struct.unpack_from("<I4xQ", self.bytes, optional + 16)
        self.size_bytes = struct.unpack_from("<I", self.bytes, optional + 56)[0]
        self.sections = [self.section(optional + optional_bytes + 40 * index) for index in range(count)]
        at, size_bytes = struct.unpack_from("<II", self.bytes, optional + 112 + 8 * DIRECTORY_EXCEPTION)
        self.functions = [Function(*entry) for entry in struct.iter_unpack("<III", self.read(at, size_bytes))]

    def section(self, at):
        name, size_bytes, rva, file_bytes, offset = struct.unpack_from("<8sIIII", self.bytes, at)
        content = self.bytes[offset:offset + min(size_bytes, file_bytes)]
        return Section(name.rstrip(b"\0").decode(), rva, size_bytes, offset, content)

    def offset(self, rva):
        """Where in the file the byte stands."""
        for section in self.sections:
            if section.rva <= rva < section.rva + len(section.content):
                return section.offset + rva - section.rva
        raise ValueError(f"{self.path}: RVA {rva:#x} is not in the file")

    def read(self, rva, size_bytes):
        for section in self.sections:
            if section.rva <= rva < section.rva + section.size_bytes:
                at = rva - section.rva
                return section.content[at:at + size_bytes].ljust(size_bytes, b"\0")
        return bytes(size_bytes)

    def function_at(self, rva):
        index = bisect.bisect_right(self.functions, (rva, 1 << 32, 0)) - 1
        function = self.functions[index] if index >= 0 else None
        return function if function and rva < function.end else None
