"""image/run --gdb and image/gdb, as a person uses them: a real gdb, whose names, lines and values must be the source's.

Lines are compared with where the words stand in the source, addresses with the linker's map, values with what they must
be; nothing is compared with what gdb itself said before.
"""

import re
import shutil
import signal
import socket
import subprocess

import pytest

import harness
import pe_image
import symbols

ROOT = harness.machine.ROOT
DEBUG = ROOT / "build" / "keel.debug.efi"
BASE = 0xFFFFFFFF80000000  # build.ninja: /base

pytestmark = pytest.mark.skipif(not shutil.which("gdb"), reason="without gdb")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def debugged(*commands, wishes=(), append='run="poweroff"', cpus=3):
    """What gdb printed for the commands, from the entry point on; what image/run printed, and its status."""
    port = free_port()
    run = subprocess.Popen([ROOT / "image" / "run", "--headless", "--gdb", "--gdb-port", str(port), "--cpus", str(cpus),
                            "--append", append, "--timeout", str(2 * harness.BOOT_SECONDS), *wishes],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        words = [word for command in commands for word in ("-ex", command)]
        gdb = subprocess.run([ROOT / "image" / "gdb", "--port", str(port), "-nx", "-batch", *words], text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=2 * harness.BOOT_SECONDS)
        if gdb.returncode != 0:
            run.send_signal(signal.SIGINT)
        output = harness.plain(run.communicate(timeout=harness.BOOT_SECONDS)[0])
    except BaseException:
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
        raise
    assert gdb.returncode == 0, f"{gdb.stdout}\n{output}"
    return gdb.stdout, output, run.returncode


def line_of(path, words):
    """The number of the one line that has these words."""
    found = [number for number, line in enumerate((ROOT / path).read_text().splitlines(), 1) if words in line]
    assert len(found) == 1, f"{path}: {words}: {found}"
    return found[0]


def said(pattern, text):
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"{pattern!r} is not in:\n{text}"
    return match


AT_ENTRY = line_of("boot/efi_main.c", "efi_status EFIAPI efi_main(") + 1   # the brace
IN_MAIN = line_of("kernel/main.c", "NORETURN void kernel_main(") + 2       # its first statement
ON_AP = line_of("kernel/smp_start.c", "static void enter(struct percpu *cpu)") + 2


@pytest.mark.parametrize("wishes", [
    pytest.param([], id="ovmf"),
    pytest.param(["--firmware", "uboot"], id="uboot"),
    pytest.param(["--firmware", "ovmf-secure"], id="ovmf-secure"),
    pytest.param(["--disk", "cdrom"], id="cdrom", marks=pytest.mark.long),
    pytest.param(["--memory", "2G", "--disk", "usb"], id="usb", marks=pytest.mark.long),
])
def test_stops_at_the_entry_in_the_kernel_and_on_another_cpu(wishes):
    """The three places of one boot, each in other addresses: where firmware put it, the high half, another CPU."""
    if "uboot" in wishes:
        harness.skip_without_uboot()
    text, output, status = debugged(
        "break kernel_main", "break smp_start.c:enter", "continue", "print handoff->size_bytes == sizeof(*handoff)",
        "info args", "backtrace", "print/x (unsigned long long)&kernel_main", "continue", "print cpu->index",
        "print $_thread", "delete", "continue", wishes=wishes)
    said(rf"^#0 .*efi_main \(image_handle=0x[0-9a-f]+, system_table=0x[0-9a-f]+\) at boot/efi_main\.c:{AT_ENTRY}$",
         text)
    loaded, moved = (int(address, 16) for address in re.findall(r"^keel: the image is at 0x([0-9a-f]+)", text, re.M))
    assert loaded < 1 << 47 and moved >= BASE
    said(rf"hit Breakpoint 1, kernel_main \(handoff=0x[0-9a-f]+ <buffers_handoff>\) at kernel/main\.c:{IN_MAIN}$",
         text)
    assert "= 1\n" in text, "the hand-off is read as what it is"
    main = dict((name, rva) for rva, name in symbols.read_map(ROOT / "build" / "keel.efi.map"))["kernel_main"]
    assert int(said(r"^\$2 = 0x([0-9a-f]+)$", text)[1], 16) == moved + main
    said(rf"hit Breakpoint 2, enter \(cpu=0x[0-9a-f]+\) at kernel/smp_start\.c:{ON_AP}$", text)
    assert int(said(r"^\$3 = (\d+)$", text)[1]) in (1, 2)
    assert int(said(r"^\$4 = (\d+)$", text)[1]) in (2, 3), "another CPU than the first"
    assert re.search(r"^keel: ready cpus=3 ", output, re.MULTILINE), f"{text}\n{output}"
    assert status == 0, "what gdb did to it does not show"


WALK = """python
def function():
    frame = gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame
callers = []
while function().name() != "kernel_main":
    callers.append(function().older().name())
    gdb.execute("nexti", to_string=True)
print("walked", len(callers), sorted(set(callers)), function().name())
end
"""


def test_callers_are_named(tmp_path):
    """By the unwind tables, which gdb cannot read by itself: at each instruction of a function, and far down."""
    (tmp_path / "walk.gdb").write_text(WALK)
    text, _, status = debugged("break *trap_init", "continue", f"source {tmp_path}/walk.gdb", "break mm_reclaim",
                               "continue", "backtrace", "finish", "kill")
    count = int(said(r"^walked (\d+) \['kernel_main'\] kernel_main$", text)[1])
    assert count > 20, "prologues, bodies, a jump to another function as the last call, an epilogue"
    said(r"^#0 +mm_reclaim \(.*\) at mm/reclaim\.c:\d+\n#1 .* in memory_reclaim \(\) at kernel/memory\.c:\d+\n"
         r"#2 .* in run_on_own_stack \(\) at kernel/main\.c:\d+", text)
    said(r"^memory_reclaim \(\) at kernel/memory\.c:\d+$", text)
    assert status != 0, "killed, it is no success"


def test_stops_in_the_page_that_other_cpus_start_in():
    """Code that was copied to where no linker put it: in the first mode in which gdb has an address for it."""
    text, _, _ = debugged("break trampoline_protected", "continue", "print $_thread", "print/x $pc", "print/x $cr0",
                          "print/x *(unsigned short *)trampoline_start", "kill")
    page = int(said(r"^keel: the page in which other CPUs start is at 0x([0-9a-f]+)$", text)[1], 16)
    assert 0 < page < 1 << 20 and page % 4096 == 0
    said(r"hit Breakpoint 1, 0x[0-9a-f]+ in trampoline_protected \(\)$", text)
    assert int(said(r"^\$1 = (\d+)$", text)[1]) > 1
    assert page < int(said(r"^\$2 = 0x([0-9a-f]+)$", text)[1], 16) < page + 4096
    assert int(said(r"^\$3 = 0x([0-9a-f]+)$", text)[1], 16) & 0x80000001 == 1, "protected mode, no paging yet"


def test_says_what_it_cannot_do_in_16_bit_code():
    text, output, status = debugged("break trampoline_start", "continue", "print/x $cr0", "delete", "continue")
    assert int(said(r"^\$1 = 0x([0-9a-f]+)$", text)[1], 16) & 1 == 0, "real mode"
    said(r"^keel: this CPU is in 16-bit code; if that is a breakpoint, delete it", text)
    assert re.search(r"^keel: ready cpus=3 ", output, re.MULTILINE) and status == 0, f"{text}\n{output}"


def test_stops_where_the_symbols_move():
    """A person's own breakpoint at the very place where ours stands is not run over."""
    text, output, status = debugged("break *enter_kernel", "continue", "print/x $rdx", "delete",
                                    "break *trampoline_open", "continue", "backtrace 1", "delete", "continue")
    loaded, moved = (int(address, 16) for address in re.findall(r"^keel: the image is at 0x([0-9a-f]+)", text, re.M))
    assert int(said(r"^\$1 = 0x([0-9a-f]+)$", text)[1], 16) == moved - loaded
    said(r"^#0 .*trampoline_open \(page=0x[0-9a-f]+, physical=", text)
    assert "keel: ready" in output and status == 0


def test_symbols_are_those_of_what_runs():
    """build/keel.debug.efi is linked anew: code and data must be those of build/keel.efi."""
    plain, debug = pe_image.PeImage(ROOT / "build" / "keel.efi"), pe_image.PeImage(DEBUG)
    names = [section.name for section in plain.sections]
    assert ".text" in names and ".boot" in names and len(debug.sections) > len(plain.sections)
    for one, other in zip(plain.sections, debug.sections):
        assert (one.name, one.rva) == (other.name, other.rva)
        # The linker's debug directory stands in .rdata before the unwind tables, to which .pdata points.
        assert one.name in (".rdata", ".pdata") or one.content == other.content, one.name
