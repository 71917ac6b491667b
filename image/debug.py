"""gdb's half of `image/run --gdb`. image/gdb starts it; by hand it is `gdb -x image/debug.py`.

A PE runs where nobody knew before: firmware loads it anywhere, and then the kernel moves itself to the high half,
somewhere else on every boot. So that breakpoints by name hold all the way, symbols move along:

    efi_main         the kernel waits at its entry point (image/waiting.py). A watchpoint tells where that is, so where
                     the image is: the true code is put back, and symbols are added.
    enter_kernel     the jump into the high half; its second argument is how far. Symbols move by that.
    trampoline_open  when it returns, the page that other CPUs start in is written: its symbols are added.

gdb sets a person's breakpoints anew each time. It has a stack of its own for each CPU ("thread"), and image/unwind.py
to find out who called.
"""

import os
import struct
import sys
import tempfile
from pathlib import Path

import gdb
from gdb.unwinder import Unwinder, register_unwinder

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "image"))

import pe_image
import unwind
import waiting

KERNEL = ROOT / "build" / "keel.debug.efi"
TRAMPOLINE = ROOT / "build" / "kernel" / "x86" / "trampoline.asm.o"
PORT = os.environ.get("KEEL_GDB_PORT") or "1234"

SETTINGS = ["confirm off", "breakpoint pending on", "print thread-events off", "architecture i386:x86-64",
            "tcp connect-timeout 300"]
CODE = 0x60000020  # section characteristics (Microsoft, PE Format): code, execute, read
ENDBR64 = b"\xf3\x0f\x1e\xfa"
CR0_PE = 1         # Intel SDM 3, 2.5: protected mode
COFF_HEADER_BYTES, SECTION_BYTES, SECTION_FLAGS = 20, 40, 36

WELCOME = """\
The kernel stands at its entry point. Breakpoints by name hold in boot/, in the kernel and on every CPU:
  break kernel_main          the kernel's first function
  break smp_start.c:enter    the first one of another CPU; in assembly before it: break trampoline_protected
  continue, backtrace, info threads, step, finish, info locals ...
detach lets the machine run on; kill ends it."""


def say(text):
    gdb.write(f"keel: {text}\n")


def quietly(command):
    return gdb.execute(command, to_string=True)


def integer(expression):
    return int(gdb.parse_and_eval(expression)) & (1 << 64) - 1


def memory(address, size_bytes):
    """What is there, or nothing."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size_bytes))
    except gdb.MemoryError:
        return b""


def symbols_of_trampoline(directory):
    """The trampoline's object, its data declared to be code: in data gdb sets no breakpoint by name."""
    content = bytearray(TRAMPOLINE.read_bytes())
    for index in range(struct.unpack_from("<H", content, 2)[0]):
        at = COFF_HEADER_BYTES + SECTION_BYTES * index
        if content[at:at + 8] == b".rdata\0\0":
            struct.pack_into("<I", content, at + SECTION_FLAGS, CODE)
    path = Path(directory, TRAMPOLINE.name)
    path.write_bytes(content)
    return path


class Session:
    """One boot. base: where the image is now. stopped_by: a person's breakpoints that the machine stands at."""

    def __init__(self, image, directory):
        self.image, self.directory = image, directory
        self.base, self.stopped_by = None, []

    def stopped(self, event):
        self.stopped_by = [point for point in getattr(event, "breakpoints", []) if point.number > 0]
        # In 16-bit code QEMU gives the offset in the segment for the address: gdb does not find its own breakpoint.
        if not self.stopped_by and not integer("$cr0") & CR0_PE:
            say("this CPU is in 16-bit code; if that is a breakpoint, delete it: gdb cannot go on from it")

    def when(self, address, action):
        """Calls session.action() once, when the machine comes to the address, and lets it go on."""
        point = gdb.Breakpoint(f"*{address:#x}", internal=True, temporary=True)
        point.silent = True
        point.commands = f"python session.{action}()\nif !$keel_stays\ncontinue\nend"

    def goes_on(self):
        """Unless a person wants to be just here."""
        gdb.set_convenience_variable("keel_stays", bool(self.stopped_by))

    # ---- Where the image is ----

    def find(self):
        """Lets the machine run until the kernel waits at its entry point."""
        mark = gdb.Breakpoint(f"*(unsigned char *){waiting.MARK:#x}", gdb.BP_WATCHPOINT, gdb.WP_ACCESS, internal=True)
        mark.silent = True
        while not self.waits():  # firmware may look at MARK, too
            quietly("continue")
        mark.delete()

    def waits(self):
        """Whether a CPU is at the entry point: in the loop, when gdb came late."""
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            entry = integer("$rip") - len(waiting.LOOK)
            if memory(entry, len(waiting.WAIT)) == waiting.WAIT:
                self.base = entry - self.image.entry
                return True
        return False

    def begin(self):
        """At the entry point, as if nothing had been there."""
        entry = self.base + self.image.entry
        gdb.selected_inferior().write_memory(entry, self.image.read(self.image.entry, len(waiting.WAIT)))
        gdb.execute(f"set $rip = {entry:#x}")
        code = next(section for section in self.image.sections if section.name == ".text")
        if memory(self.base + code.rva, len(code.content)) != code.content:
            say(f"WARNING: what runs is not {KERNEL}: names and lines will be wrong. Start image/run --gdb again.")
        self.add_symbols()
        self.when(integer("&enter_kernel"), "move")
        if memory(entry, len(ENDBR64)) == ENDBR64:  # the compiler describes the arguments from behind it on
            gdb.Breakpoint(f"*{entry + len(ENDBR64):#x}", internal=True, temporary=True).silent = True
            quietly("continue")

    def add_symbols(self):
        offset = self.base - self.image.base & (1 << 64) - 1
        quietly(f"add-symbol-file {KERNEL} -o {offset:#x} -readnow")  # gdb 13's index takes .bss for code
        say(f"the image is at {self.base:#x}")

    # ---- What happens on the way ----

    def move(self):
        """In enter_kernel(stack, delta, handoff). The new symbols come first: a name without any loses breakpoints."""
        before = self.base
        self.base = before + integer("$rdx") & (1 << 64) - 1
        self.add_symbols()
        quietly(f"remove-symbol-file -a {before + self.image.sections[0].rva:#x}")
        self.when(integer("&trampoline_open"), "trampoline_opens")
        self.goes_on()

    def trampoline_opens(self):
        """In trampoline_open(page, physical, plan), which returns to where the stack pointer points."""
        self.page = integer("$rdx")
        self.when(integer("*(unsigned long long *)$rsp"), "trampoline_open")
        self.goes_on()

    def trampoline_open(self):
        path = symbols_of_trampoline(self.directory)
        quietly(f"add-symbol-file {path} -s .rdata {self.page:#x} -s .text {integer('&trampoline_arrive'):#x}")
        say(f"the page in which other CPUs start is at {self.page:#x}")
        self.goes_on()


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class TableUnwinder(Unwinder):
    """Frames of the image's functions, wherever it is."""

    def __init__(self):
        super().__init__("keel")

    def __call__(self, pending):
        registers = {name: int(pending.read_register(name)) & (1 << 64) - 1 for name in [*unwind.REGISTERS, "rip"]}
        if session.base is None or not 0 <= registers["rip"] - session.base < session.image.size_bytes:
            return None
        try:
            found = unwind.caller(session.image, session.base, registers,
                                  lambda address: struct.unpack("<Q", memory(address, 8))[0])
        except struct.error:  # a stack that cannot be read
            return None
        # The same from the function's first instruction to its last, or gdb does not know it again after a step.
        function = session.image.function_at(registers["rip"] - session.base)
        start = session.base + (function.start if function else 0)
        frame = pending.create_unwind_info(FrameId(gdb.Value(found["rsp"]), gdb.Value(start)))
        for name, value in found.items():
            frame.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return frame


def connect():
    """QEMU answers when image/run has built what it boots, and not before: nothing of build/ is read until then."""
    for setting in SETTINGS:
        quietly(f"set {setting}")
    quietly(f"directory {ROOT}")
    say(f"waiting for image/run --gdb on port {PORT}")
    quietly(f"target remote 127.0.0.1:{PORT}")


def to_the_entry_point():
    say("the firmware starts; Ctrl-C interrupts")
    session.find()
    session.begin()
    gdb.events.stop.connect(session.stopped)
    register_unwinder(None, TableUnwinder(), replace=True)
    gdb.write(WELCOME + "\n")
    gdb.execute("frame")


try:
    connect()
    temporary = tempfile.TemporaryDirectory(prefix="keel-")
    session = Session(pe_image.PeImage(KERNEL), temporary.name)
    to_the_entry_point()
except (gdb.error, OSError, KeyboardInterrupt) as error:
    say(f"{error or 'interrupted'}: first, in another terminal: image/run --gdb")
    gdb.execute("quit 1")
