"""Hygiene of build/keel.efi, read from its headers (Microsoft PE format): what firmware and a strict NX policy ask for.

The headers are read here rather than through llvm-readobj, whose text differs from version to version.
"""

import struct

import tree

PATH = "build/keel.efi"
IMAGE_BYTES_MAX = 224 * 1024
LINK_BASE = 0xFFFFFFFF80000000
PAGE = 4096
MACHINE_AMD64, PE32_PLUS, EFI_APPLICATION = 0x8664, 0x20B, 10
DYNAMIC_BASE, NX_COMPAT = 0x0040, 0x0100            # DllCharacteristics
RELOCS_STRIPPED = 0x0001                            # Characteristics
DISCARDABLE, EXECUTE, WRITE = 0x02000000, 0x20000000, 0x80000000  # section characteristics
ENDBR64 = bytes([0xF3, 0x0F, 0x1E, 0xFA])           # SDM 2: where an indirect call may lead
SBAT_FIELDS = 6                                     # shim, SBAT.md: name, generation, vendor, package, version, URL
DIRECTORY_IMPORT, DIRECTORY_EXCEPTION, DIRECTORY_RELOCATION, DIRECTORY_DELAY_IMPORT = 1, 3, 5, 13
ALLOC_LARGE, UNDONE = 1, {0, 1, 2, 3, 10}           # operations of unwind codes that kernel/backtrace.c undoes


class Headers:
    """The fields of a PE32+ that the rules speak of."""

    def __init__(self, image):
        coff = struct.unpack_from("<I", image, 0x3C)[0] + 4
        assert image[:2] == b"MZ" and image[coff - 4:coff] == b"PE\0\0", "not a PE"
        self.machine, count, _, _, _, optional_bytes, self.characteristics = struct.unpack_from("<HHIIIHH", image, coff)
        optional = coff + 20
        self.magic = struct.unpack_from("<H", image, optional)[0]
        entry_rva = struct.unpack_from("<I", image, optional + 16)[0]
        self.base, self.alignment = struct.unpack_from("<QI", image, optional + 24)
        self.subsystem, self.dll_characteristics = struct.unpack_from("<HH", image, optional + 68)
        directory_count = struct.unpack_from("<I", image, optional + 108)[0]
        self.directories = [struct.unpack_from("<II", image, optional + 112 + 8 * index)
                            for index in range(directory_count)]
        self.sections, self.contents, self.places, self.entry = [], {}, [], b""
        for index in range(count):
            at = optional + optional_bytes + 40 * index
            name = image[at:at + 8].rstrip(b"\0").decode()
            self.sections.append((name, struct.unpack_from("<I", image, at + 36)[0]))
            size_bytes, rva, _, offset = struct.unpack_from("<IIII", image, at + 8)
            self.contents[name] = image[offset:offset + size_bytes]
            self.places.append((rva, size_bytes, name))
            if rva <= entry_rva < rva + size_bytes:
                self.entry = self.contents[name][entry_rva - rva:][:len(ENDBR64)]

    def directory_bytes(self, index):
        return self.directories[index][1] if index < len(self.directories) else 0


    def at(self, rva, size_bytes):
        """What is loaded there."""
        for start, length, name in self.places:
            if start <= rva < start + length:
                return self.contents[name][rva - start:rva - start + size_bytes]
        return b""


def unwind_known(headers):
    """Whether backtraces understand the tables of every function: flags and operations that they undo, no others."""
    if headers.directory_bytes(DIRECTORY_EXCEPTION) == 0:
        return True
    rva, size_bytes = headers.directories[DIRECTORY_EXCEPTION]
    for _, _, info in struct.iter_unpack("<III", headers.at(rva, size_bytes)):
        version_flags, _, count, _ = headers.at(info, 4)
        codes, slot = headers.at(info + 4, 2 * count), 0
        while slot < count:
            operation, operand = codes[2 * slot + 1] & 15, codes[2 * slot + 1] >> 4
            slot += 1 if operation != ALLOC_LARGE else 2 + (operand != 0)
            if operation not in UNDONE:
                return False
        if version_flags != 1:
            return False
    return True


def sbat_sound(text):
    """Whether shim can read it: records that end with a line feed, the first of the format itself, one of Keel."""
    lines = text.split(b"\n")
    records = [line.split(b",") for line in lines[:-1]]
    return (lines[-1] == b"" and all(len(record) == SBAT_FIELDS and all(record) for record in records) and
            [record[0] for record in records] == [b"sbat", b"keel"] and
            all(record[1].isdigit() and int(record[1]) > 0 for record in records))


def rules(image):
    """(whether it holds, what is wrong otherwise)"""
    headers = Headers(image)
    names = [name for name, _ in headers.sections]
    yield headers.machine == MACHINE_AMD64 and headers.magic == PE32_PLUS, "not a PE32+ for x86-64"
    yield headers.subsystem == EFI_APPLICATION, f"subsystem is {headers.subsystem}, not EFI application"
    yield headers.base == LINK_BASE, f"linked for {headers.base:#x}, not for {LINK_BASE:#x}"
    yield headers.alignment == PAGE, f"sections are aligned to {headers.alignment}, not to a page"
    yield headers.dll_characteristics & DYNAMIC_BASE, "DYNAMIC_BASE is not set"
    yield headers.dll_characteristics & NX_COMPAT, "NX_COMPAT is not set"
    yield not headers.characteristics & RELOCS_STRIPPED, "its relocations are stripped"
    yield ".reloc" in names and headers.directory_bytes(DIRECTORY_RELOCATION) > 0, "no .reloc"
    yield headers.directory_bytes(DIRECTORY_IMPORT) == 0, "it imports something"
    yield headers.directory_bytes(DIRECTORY_DELAY_IMPORT) == 0, "it imports something, later"
    # Firmware with indirect-branch tracking on calls it through a pointer (boot/enter.asm)
    yield headers.entry == ENDBR64, "the entry does not begin with ENDBR64"
    yield unwind_known(headers), "an unwind table that kernel/backtrace.c does not understand"
    # Two things that shim asks of an image, and firmware does not (boot/sbat.asm, boot/image.c)
    yield sbat_sound(headers.contents.get(".sbat", b"")), "no .sbat that shim can read"
    yield not dict(headers.sections).get(".reloc", 0) & DISCARDABLE, ".reloc is discardable"
    for name, flags in headers.sections:
        yield not (flags & WRITE and flags & EXECUTE), f"section {name} is writable and executable"
    yield len(image) <= IMAGE_BYTES_MAX, f"{len(image)} bytes, at most {IMAGE_BYTES_MAX} are allowed"


def check_image(image, path=PATH):
    return [tree.Finding(path, 0, wrong) for holds, wrong in rules(image) if not holds]


def check(_files):
    path = tree.ROOT / PATH
    if not path.is_file():
        return [tree.Finding(PATH, 0, "is missing: build first")]
    return check_image(path.read_bytes())
