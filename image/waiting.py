"""The kernel as `image/run --gdb` boots it: it waits for the debugger at its entry point, wherever that is.

The first bytes of the entry point become a read of MARK, on which gdb has a watchpoint, and a jump to itself for as
long as no gdb is there. image/debug.py puts the true bytes back. Nothing else differs from build/keel.efi.
"""

import struct
from pathlib import Path

import pe_image

MARK = 0xB0000                                      # the window of a monochrome screen: nobody else looks there
LOOK = b"\x8a\x04\x25" + struct.pack("<I", MARK)    # mov al, [MARK]; rax holds nothing at an entry point
WAIT = LOOK + b"\xeb\xfe"                           # jmp to itself


def write(kernel, out):
    image = pe_image.PeImage(kernel)
    at = image.offset(image.entry)
    Path(out).write_bytes(image.bytes[:at] + WAIT + image.bytes[at + len(WAIT):])
