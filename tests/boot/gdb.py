"""Stops a machine where a test wants to look: a client of QEMU's gdb stub.

A stop is the entry of a function of the kernel's. The whole machine stands still there, its clock too, so what is read
is what memory holds at that moment. Addresses of memory are physical. Every wait has a deadline.
Source: GDB manual, appendix E (remote serial protocol); QEMU, system/gdb ("Qqemu.PhyMemMode").
"""

import re
import socket

import machine
import symbols
from qemu import BOOT_SECONDS

KERNEL_BASE = 0xFFFFFFFF80000000  # build.ninja: /base; where `nokaslr` leaves the kernel
KERNEL_MAP = machine.ROOT / "build" / "keel.efi.map"

ANSWER_SECONDS = 20
PACKET_BYTES = 1024    # of memory in one packet; QEMU takes 4096 characters, two a byte
RIP = slice(128, 136)  # in the registers: QEMU, gdb-xml/i386-64bit.xml; rax to r15 stand before it


class GdbError(Exception):
    """The stub refused, did not answer, or is gone."""


def address_of(function):
    """Where the kernel's function of that name runs, under nokaslr."""
    found = [rva for rva, name in symbols.read_map(KERNEL_MAP) if name == function]
    if not found:
        raise GdbError(f"{KERNEL_MAP.name} has no function {function}")
    return KERNEL_BASE + found[0]


class Stub:
    """The stub of a machine that runs, and stands still from here on: with Stub(keel) as stub: stub.write(0, b"\xcc")

    At the end of the `with` it runs on, without breakpoints.
    """

    def __init__(self, keel):
        path = f"{keel.directory.name}/gdb"
        said = keel.qmp.command("human-monitor-command", command_line=f"gdbserver unix:{path},server=on,wait=off")
        self.socket = socket.socket(socket.AF_UNIX)
        self.received = b""
        self.stops = {}
        try:
            self.socket.connect(path)
        except OSError as error:
            raise GdbError(f"no gdb stub: {error}: {said}") from error
        self.expect_ok("Qqemu.PhyMemMode:1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Detaches, which removes breakpoints and lets the machine run. It may be gone, or running already."""
        try:
            self.ask("D")
        except (GdbError, OSError):
            pass
        self.close()

    def close(self):
        """Without a word: for a machine that is gone, or about to be."""
        self.socket.close()

    # ---- Packets: $TEXT#SUM, each acknowledged by a '+' ----

    def send(self, text):
        self.socket.sendall(f"${text}#{sum(text.encode()) & 0xFF:02x}".encode())

    def answer(self, seconds=ANSWER_SECONDS, kind=rb"[^T]"):
        """The next packet of that kind. "T" says that the machine stopped; QEMU says it unasked, too, when we come."""
        self.socket.settimeout(seconds)
        while True:
            packet = re.search(rb"\$((?:%s[^#]*)?)#.." % kind, self.received)
            if packet:
                self.received = self.received[packet.end():]
                self.socket.sendall(b"+")
                return packet.group(1).decode()
            try:
                part = self.socket.recv(1 << 16)
            except socket.timeout:
                raise GdbError(f"the stub said nothing for {seconds} s") from None
            if not part:
                raise GdbError("the stub is gone: the machine has ended")
            self.received += part

    def ask(self, text):
        self.send(text)
        return self.answer()

    def expect_ok(self, text):
        said = self.ask(text)
        if said != "OK":
            raise GdbError(f"{text[:40]}: {said or 'not known'}")

    # ---- Stops ----

    def stop_at(self, function):
        """A stop at the entry of the function; hardware breakpoints change no memory and need none mapped."""
        address = address_of(function)
        self.expect_ok(f"Z1,{address:x},1")
        self.stops[address] = function

    def go(self):
        self.send("c")

    def halt(self):
        """Stops the machine, which runs, wherever it is."""
        self.socket.sendall(b"\x03")
        self.answer(kind=rb"T")

    def stopped(self, function, seconds=BOOT_SECONDS):
        """Waits until the machine, which runs, stands at the entry of that function; the stop is gone then."""
        self.answer(seconds, kind=rb"T")
        address = int.from_bytes(bytes.fromhex(self.ask("g")[:2 * RIP.stop])[RIP], "little")
        if self.stops.get(address) != function:
            raise GdbError(f"stopped at {self.stops.get(address, hex(address))}, not at {function}")
        self.expect_ok(f"z1,{address:x},1")
        del self.stops[address]

    def disable(self, function, status):
        """Makes a function of the kernel's return that number and do nothing. The kernel must run already."""
        self.write_virtual(address_of(function), b"\xb8" + status.to_bytes(4, "little") + b"\xc3")  # mov eax; ret

    # ---- Memory ----

    def read(self, address, size_bytes):
        parts = []
        for at in range(0, size_bytes, PACKET_BYTES):
            said = self.ask(f"m{address + at:x},{min(PACKET_BYTES, size_bytes - at):x}")
            if said.startswith("E"):
                raise GdbError(f"no memory at {address + at:#x}: {said}")
            parts.append(bytes.fromhex(said))
        return b"".join(parts)

    def read_virtual(self, address, size_bytes):
        """At an address of the first CPU's, which must be in the kernel."""
        self.expect_ok("Qqemu.PhyMemMode:0")
        content = self.read(address, size_bytes)
        self.expect_ok("Qqemu.PhyMemMode:1")
        return content

    def write_virtual(self, address, content):
        """Likewise; to read-only pages too."""
        self.expect_ok("Qqemu.PhyMemMode:0")
        self.write(address, content)
        self.expect_ok("Qqemu.PhyMemMode:1")

    def write(self, address, content):
        for at in range(0, len(content), PACKET_BYTES):
            part = content[at:at + PACKET_BYTES]
            self.expect_ok(f"M{address + at:x},{len(part):x}:{part.hex()}")
