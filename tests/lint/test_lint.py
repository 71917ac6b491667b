"""Runs every lint over the repository, and each over trees that break its rules: a lint that cannot fail is none."""

import struct
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import layers
import pe
import portable
import reading_order
import sizes
import text
import tree
import words

HEAD = "/* A file. */\n"


NX = pytest.mark.quirk("D75", outcome="4 KiB sections, none both writable and executable, NX_COMPAT", row="lint pe")


@pytest.mark.parametrize("lint", [layers, sizes, words, text, reading_order, portable, pytest.param(pe, marks=NX)],
                         ids=lambda lint: lint.__name__)
def test_repository(lint):
    findings = lint.check(tree.tracked())
    assert not findings, "\n" + "\n".join(map(tree.show, findings))


def found(lint, path, content):
    return [finding.text for finding in lint.check(tree.Tree({path: content}))]


GOOD = [
    (layers, "mm/a.c", '#include "mm/a.h"\n#include "kernel/base/types.h"\n#include <stdint.h>\n'),
    (layers, "boot/a.c", '#include "mm/paging.h"\n#include "kernel/x86/regs.h"\n#include "boot/efi.h"\n'),
    (layers, "kernel/a.c", '#include "boot/handoff.h"\n#include "drivers/a.h"\n'),
    (layers, "mm/a.c", '/*\n#include "drivers/a.h"\n*/\n'),
    (words, "mm/a.c", HEAD + '/* how long */ const char *text = "long asm extern";\n'),
    (words, "mm/a.c", HEAD + "uint64_t a = (unsigned long long)b;\n"),
    (words, "mm/a.c", HEAD + "switch (a) {\n    case A:\n        x = b ? c : d;\n}\nlabel:\n    return;\n"),
    (words, "kernel/x86/a.h", HEAD + '__asm__ volatile("hlt");\n'),
    (words, "kernel/a.h", HEAD + "extern struct mm kernel_mm;\n"),
    (words, "boot/a.asm", "; A file.\nextern kernel_main\n"),
    (sizes, "mm/a.c", "void f(void)\n{\n" + "    x();\n" * 67 + "}\n" + "int a[] = {\n" + "    1,\n" * 80 + "};\n"),
    (text, "README.md", "fine\n"),
    (portable, "image/a", "#!/usr/bin/env bash\n# no realpath\nsed -n 's/a/b/p' b | grep -E c; stat a; local x=1\n"),
    (portable, "image/a.py", "#!/usr/bin/env python3\nos.path.realpath(path)\n"),
    (text, "tests/maps/a.map", "1 2 3 \r\n"),
]

BAD = [
    (layers, "mm/a.c", '#include "drivers/serial.h"\n', "may not include"),
    (layers, "mm/a.c", '#include "kernel/x86/cpu.h"\n', "may not include"),
    (layers, "mm/a.c", '#include "kernel/log.h"\n', "may not include"),
    (layers, "drivers/a.c", '#  include "mm/frames.h"\n', "may not include"),
    (layers, "drivers/a.c", '#include "kernel/log.h"\n', "may not include"),
    (layers, "kernel/a.c", '#include "boot/efi.h"\n', "may not include"),
    (layers, "kernel/x86/a.c", '#include "mm/mm.h"\n', "may not include"),
    (layers, "kernel/base/a.c", '#include "mm/port.h"\n', "may not include"),
    (layers, "boot/a.c", '#include "mm/mm.h"\n', "may not include"),
    (layers, "boot/a.c", '#include "kernel/x86/cpu.h"\n', "may not include"),
    (layers, "boot/a.asm", '%include "kernel/x86/cpu.inc"\n', "may not include"),
    (layers, "mm/a.c", '#include "memmap.h"\n', "from the root"),
    (layers, "mm/a.c", "#include <stdio.h>\n", "freestanding"),
    (words, "mm/a.c", "int a;\n", "starts without a comment"),
    (words, "boot/a.asm", "section .text\n", "starts without a comment"),
    (words, "mm/a.c", HEAD + "unsigned long a;\n", "long is 4 bytes"),
    (words, "mm/a.h", HEAD + "struct a {\n    uint32_t b : 4;\n};\n", "bit-fields"),
    (words, "mm/a.h", HEAD + "struct a {\n    const unsigned b:WIDTH;\n};\n", "bit-fields"),
    (words, "mm/a.c", HEAD + "wchar_t a;\n", "wchar_t"),
    (words, "kernel/a.c", HEAD + '__asm__ volatile("hlt");\n', "kernel/x86"),
    (words, "boot/a.c", HEAD + 'asm("hlt");\n', "kernel/x86"),
    (words, "mm/a.c", HEAD + "extern int a;\n", "extern"),
    (words, "mm/a.c", HEAD + "/* TODO: later */\n", "TODO"),
    (words, "boot/a.asm", "; FIXME\n", "FIXME"),
    (sizes, "mm/a.c", "void f(void)\n{\n" + "    x();\n" * 68 + "}\n", "f has 71 lines"),
    (sizes, "mm/a.c", "static struct a *g(int b,\n    int c)\n{\n" + "    x();\n" * 90 + "}\n", "g has"),
    (sizes, "mm/a.c", "x();\n" * 501, "501 lines"),
    (text, "README.md", "blank \n", "blanks at the end"),
    (text, "mm/a.c", "\tx();\n", "tab"),
    (text, "mm/a.c", "x" * 121 + "\n", "characters"),
    (text, "mm/a.c", "x();", "newline"),
    (text, "mm/a.c", "x();\n\n", "newline"),
    (reading_order, "mm/a.c", HEAD, "is missing"),
    (portable, "image/a", "#!/usr/bin/env bash\nreadlink -f a\n", "GNU coreutils"),
    (portable, "image/a", "#!/bin/sh\nsed -e s/a/b/ -i c\n", "GNU sed"),
    (portable, "image/a", "#!/usr/bin/env bash\nx=${y^^}\n", "bash 4"),
    (portable, "image/a", "#!/usr/bin/env bash\nlocal -n x=$1\n", "bash 4"),
    (portable, "image/a", "#!/usr/bin/env bash\ndate -d @0\n", "GNU date"),
    (portable, "image/a", "#!/usr/bin/env bash\nmake -j$(nproc)\n", "not on macOS"),
]


def name(value):
    """Samples are numbered in test names, not spelled out."""
    return getattr(value, "__name__", None) or (value if value.count("\n") == 0 else "")


@pytest.mark.parametrize("lint, path, content", GOOD, ids=name)
def test_good_sample_passes(lint, path, content):
    assert found(lint, path, content) == []


@pytest.mark.parametrize("lint, path, content, expected", BAD, ids=name)
def test_bad_sample_is_found(lint, path, content, expected):
    findings = found(lint, path, content)
    assert any(expected in finding for finding in findings), findings


@pytest.mark.parametrize("name, folder", [("the kernel", "mm"), ("boot", "boot")])
def test_too_much_code_is_found(name, folder):
    limit = sizes.LINES_MAX[name][1]
    files = {f"{folder}/{number}.c": "x();\n" * 450 for number in range(limit // 450 + 1)}
    assert [finding.path for finding in sizes.check(tree.Tree(files))] == [name]
    files.pop(f"{folder}/0.c")
    assert not sizes.check(tree.Tree(files))


def test_reading_order():
    def order(page, *sources):
        files = {reading_order.PAGE: page, **dict.fromkeys(sources, HEAD)}
        return [finding.text for finding in reading_order.check(tree.Tree(files))]
    assert order("1. `mm/a.c`\n2. `mm/a.h`\n", "mm/a.c", "mm/a.h") == []
    assert order("`mm/a.c`\n", "mm/a.c", "boot/b.asm") == ["does not name boot/b.asm"]
    assert order("`mm/a.c` `mm/gone.c`\n", "mm/a.c") == ["names mm/gone.c, which does not exist"]
    assert "names mm/a.c 2 times" in order("`mm/a.c` `mm/a.c`\n", "mm/a.c")


SBAT = b"sbat,1,a,b,c,d\nkeel,1,a,b,c,d\n"
UNWIND = bytes([1, 7, 3, 0, 7, 1, 20, 0, 1, 3 << 4])  # push rbx; sub rsp, 160


def sample_pe(machine=0x8664, base=pe.LINK_BASE, alignment=4096, subsystem=10, dll=0x160, flags=0x60000020,
              reloc_bytes=12, import_bytes=0, characteristics=0x22, reloc_flags=0x40000040, sbat=SBAT, padding=0,
              code=pe.ENDBR64, unwind=UNWIND):
    """The smallest image that keeps the rules, with one fact at a time changed."""
    directories = [(0, 0)] * 16
    directories[1], directories[3], directories[5] = (0x3000, import_bytes), (0x5000, 12), (0x2000, reloc_bytes)
    optional = struct.pack("<H14xI4xQI", 0x20B, 0x1000, base, alignment).ljust(68, b"\0")
    optional += struct.pack("<HH", subsystem, dll)
    optional = optional.ljust(108, b"\0") + struct.pack("<I", 16)
    optional += b"".join(struct.pack("<II", *directory) for directory in directories)
    described = [(b".text", 0x1000, code, flags), (b".sbat", 0x4000, sbat, 0x40000040),
                 (b".pdata", 0x5000, struct.pack("<III", 0x1000, 0x1004, 0x500C) + unwind, 0x40000040),
                 (b".reloc", 0x2000, b"", reloc_flags)]
    at, sections, contents = 0x40 + 4 + 20 + len(optional) + 40 * len(described), b"", b""
    for name, rva, content, bits in described:
        sections += struct.pack("<8sIIII12xI", name, len(content), rva, len(content), at + len(contents), bits)
        contents += content
    coff = struct.pack("<HHIIIHH", machine, len(described), 0, 0, 0, len(optional), characteristics)
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + b"PE\0\0"
    return head + coff + optional + sections + contents + bytes(padding)


def test_good_pe_passes():
    assert pe.check_image(sample_pe()) == []


@pytest.mark.parametrize("change, expected", [
    (dict(machine=0x14C), "x86-64"),
    (dict(base=0x140000000), "linked for"),
    (dict(alignment=512), "aligned"),
    (dict(subsystem=3), "subsystem"),
    (dict(dll=0x100), "DYNAMIC_BASE"),
    (dict(dll=0x40), "NX_COMPAT"),
    (dict(flags=0xE0000020), "writable and executable"),
    (dict(reloc_bytes=0), ".reloc"),
    (dict(import_bytes=40), "imports"),
    (dict(characteristics=0x23), "stripped"),
    (dict(reloc_flags=0x42000040), "discardable"),
    (dict(code=b"\x90" * 4), "ENDBR64"),
    (dict(code=b""), "ENDBR64"),
    (dict(unwind=bytes([1 | 4 << 3]) + UNWIND[1:]), "unwind"),
    (dict(unwind=bytes([1, 5, 2, 0, 5, 4 | 3 << 4, 1, 0])), "unwind"),
    (dict(sbat=b""), ".sbat"),
    (dict(sbat=SBAT[:-1]), ".sbat"),
    (dict(sbat=SBAT.replace(b"c,d", b"c")), ".sbat"),
    (dict(sbat=SBAT.replace(b"keel,1", b"keel,0")), ".sbat"),
    (dict(sbat=SBAT.replace(b"keel,1", b"keel,x")), ".sbat"),
    (dict(sbat=SBAT.replace(b"a,b", b",b")), ".sbat"),
    (dict(sbat=SBAT.split(b"\n")[0] + b"\n"), ".sbat"),
    (dict(padding=pe.IMAGE_BYTES_MAX), "bytes, at most"),
])
def test_bad_pe_is_found(change, expected):
    assert any(expected in finding.text for finding in pe.check_image(sample_pe(**change)))
