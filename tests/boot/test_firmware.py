"""Keel in front of firmware that misbehaves: one row a misbehaviour, with what the kernel must make of it.

A row's script goes to \\keel\\adversary.txt; tests/firmware/README.md teaches its words. Numbers are those of the
catalogue of firmware quirks (A1 is item 1 of its part A). Whatever the row, the kernel may refuse, degrade and
complain; it may not hang silently, reset, corrupt or lose a page.
"""

import random
import re
import shutil
import subprocess
import time

import pytest

import harness

ADVERSARY = harness.machine.ROOT / "build" / "adversary.efi"
KERNEL = harness.machine.ROOT / "build" / "keel.efi"

COMMANDS = "mem; frames; boot"
REPORT = "vars set ADVERSARY report"

# What may be called between the first ExitBootServices and the kernel, and what the kernel may call.
AFTER_EXIT = {"GetMemoryMap", "ExitBootServices"}
RUNTIME = {"SetVirtualAddressMap", "GetTime", "GetVariable", "GetNextVariableName", "SetVariable", "ResetSystem"}

# Outcomes
READY = r"^keel: ready cpus=2 "
REFUSED = r"^adversary: the kernel returned 0x8"
FAILURE = r"^keel: failure {}: "  # boot/failure.h has the codes
NO_MEMORY = r"^panic: .*out of memory"
WRONG_SCRIPT = r"^adversary: line \d+ of adversary.txt"
ANY_END = (r"^keel: failure \d+: |^panic: .+\n|"
           r"^adversary: the kernel returned 0x\d|^adversary: line \d+ of adversary.txt")


class Row:
    """item: of the catalogue. why: what would go wrong. script: lines, separated by ';'.

    outcome: a regular expression. says, silent: expressions that must, or must not, stand in the output. run: monitor
    commands before the power-off. reports: whether the adversary can still be asked; it cannot when runtime services
    are off. attempts: calls of ExitBootServices.
    """

    def __init__(self, name, item, why, script, outcome=READY, says=(), silent=(), run="", reports=True, attempts=1,
                 marks=("long",)):
        self.name, self.item, self.why, self.script, self.outcome = name, item, why, script, outcome
        self.says, self.silent, self.run = says, silent, run
        self.reports, self.attempts, self.marks = reports, attempts, marks

    def boots(self):
        return self.outcome.startswith("^keel: ready")


EXIT = [
    Row("plain", "-", "the adversary itself changes nothing: what fails here fails for its own reasons", "", marks=()),
    Row("stale-1", "A1", "an option ROM allocates: the first key is stale", "exit stale 1", attempts=2),
    Row("stale-3", "A2", "machines need four tries; Linux's two are not enough", "exit stale 3", attempts=4, marks=()),
    Row("stale-15", "A2", "the sixteenth and last try must still count", "exit stale 15", attempts=16),
    Row("stale-16", "A2", "one more than that ends, visibly", "exit stale 16", FAILURE.format(1)),
    Row("stale-for-ever", "A3", "an endless retry would hang", "exit stale for-ever", FAILURE.format(1), marks=()),
    Row("key-moves", "A3", "every GetMemoryMap makes its own key stale", "map key-moves", FAILURE.format(1)),
    Row("handler-allocates", "A1", "allocations inside the exit, as on SEV-SNP (A6)", "exit handler-allocates",
        attempts=None),
    Row("exit-fails", "A2", "an error that no new key mends is not retried", "exit error", FAILURE.format(2)),
    Row("map-lost", "A4", "after a failed exit there may be no map any more", "exit stale 1; map lost",
        FAILURE.format(3)),
    Row("map-refused", "A4", "before the exit a missing map is a refusal, and the firmware lives",
        "call GetMemoryMap fails",
        REFUSED, says=[r"^keel: cannot start: the memory map"]),
    Row("map-grows", "A4", "40 descriptors more at each try", "map grow 40; exit stale 3", attempts=4),
    Row("descriptors-1000", "A5", "no table may be sized for the machines of today", "map descriptors 1000"),
    Row("descriptors-4000", "A5", "nearly the limit that the kernel promises", "map descriptors 4000", marks=()),
    Row("descriptors-4096", "A5", "the limit itself", "map descriptors 4096"),
    Row("descriptors-4097", "A5", "one more is refused, by name of the limit", "map descriptors 4097", REFUSED,
        says=[r"^keel: cannot start: the memory map.* 4096 descriptors"]),
    Row("descriptors-grow-past", "A5", "the limit is passed between two tries",
        "map descriptors 4000; map grow 60; exit stale 3",
        FAILURE.format(3)),
    Row("stride-56", "A7", "descriptors of a later version: garbage from the second on for who uses sizeof",
        "map stride 56"),
    Row("stride-64", "A7", "likewise", "map stride 64"),
    Row("stride-unwritten", "A8", "U-Boot and others: DescriptorSize is not written; dividing by 0",
        "map stride-unwritten", says=[r"left DescriptorSize 0"]),
    Row("version-2", "A7", "a descriptor version that nobody knows", "map version 2", reports=False),
    Row("tables-move", "A16", "shim and OpenCore put their own service tables into the system table",
        "exit tables-move", attempts=2, marks=()),
    Row("exit-hangs", "A17", "what hangs in the exit hangs after the last words", "call ExitBootServices hang",
        r"^adversary: never returns", says=[r"^keel: leaving the firmware"]),
    Row("exit-interrupts", "A18", "a stray interrupt into a dead IDT", "exit interrupts",
        says=[r"left interrupts on"]),
    Row("exit-task-switched", "C54", "CR0.TS set by the exit: the first SSE instruction would be #NM",
        "exit task-switched"),
]

LOW = "low-memory boot-data"
MAP = [
    Row("low-all-boot-services", "B22", "XPS 13: nothing below 1 MiB to start CPUs from, until after the hand-off", LOW,
        marks=()),
    Row("low-one-block", "B23", "one boot-services block from page 0 on", f"{LOW}; map-extra boot-data wb 0 160"),
    Row("low-islands", "B24", "a SIPI into reserved memory", "low-memory islands"),
    Row("low-gone", "B22", "no page below 640 KiB at all: one CPU, and the kernel says so",
        f"{LOW}; map-extra reserved none 0 160",
        outcome=r"^keel: ready cpus=1 "),
    Row("reverse", "B11", "OVMF's map is unsorted from 6 GiB on", "map reverse", says=[r"^mended: .*out of order"]),
    Row("shuffle", "B11", "likewise, without any order", "map shuffle",
        says=[r"^mended: .*out of order"], marks=()),
    Row("nested", "B12", "reserved memory inside free memory: pages given away that are not ours",
        "map-extra reserved none ground+0x10000 4", says=[r"^mended: .*overlapping"]),
    Row("overlapping", "B12", "pages freed twice",
        "map-block conventional wb 64; map-extra boot-data wb ground+0x20000 64", says=[r"^mended: .*overlapping"]),
    Row("duplicate", "B12", "the whole ground twice", "map-extra conventional wb ground+0 4096",
        says=[r"^mended: .*overlapping"]),
    Row("zero-length", "A9", "end = start - 1 reserves all memory",
        "map-extra conventional wb ground+0 0; map-extra reserved wb 0 0", says=[r"^mended: 2 zero-length"]),
    Row("wrapping", "A10", "start + size past 2^64",
        "map-extra reserved wb 0xfffffffffffff000 0x0200000000000001;"
        "map-extra conventional wb 0x1000 0xfffffffffffff", says=[r"^mended: 2 wrapping"]),
    Row("unaligned", "B14", "rounding free memory outwards gives away a reserved byte",
        "map-extra reserved none ground+0x10800 2", says=[r"^mended: .*not page-aligned"]),
    Row("runtime-boot-data", "B29", "RUNTIME on boot-services memory: the firmware will use it",
        "map-block boot-data wb+runtime 16",
        says=[r"descriptors=7$"]),
    Row("runtime-conventional", "B29", "RUNTIME on free memory", "map-block conventional wb+runtime 16",
        says=[r"descriptors=7$"]),
    Row("runtime-mmio", "B29", "RUNTIME on registers", "map-block mmio uc+runtime 16", says=[r"descriptors=7$"]),
    Row("runtime-mmio-1T", "B32", "a window of 1 TiB that is said to be needed at run time",
        "map-extra mmio uc+runtime 0x1000000000 0x10000000"),
    Row("runtime-no-bit", "B28", "Xen e3abdc626a: the first call is a page fault", "map no-runtime-bit",
        says=[r"descriptors=6$"], marks=()),
    Row("oem-types", "B15", "types of the OEM's and of a loader's are nobody's memory",
        "map-block 0x70000001 wb 16; map-block 0x80000001 wb 16", says=[r"^listed: unknown=32"]),
    Row("undefined-type", "B15", "a type between what is defined and what is the OEM's", "map-block 77 wb 16",
        says=[r"^listed: unknown=16"]),
    Row("unaccepted", "B39", "touching it is fatal on a confidential machine", "map-block unaccepted wb 256",
        says=[r"^listed: unaccepted=256"]),
    Row("persistent", "B40", "somebody's data", "map-block persistent wb+nv 256", says=[r"^listed: persistent=256"]),
    Row("specific-purpose", "B38", "memory that its driver wants", "map-block conventional wb+sp 256",
        says=[r"^mended: 1 specific-purpose, withheld"]),
    Row("uncacheable", "B35", "RAM that is not write-back",
        "map-block conventional uc 256; map-block conventional none 16",
        says=[r"^mended: 2 not write-back, withheld"]),
    Row("unusable", "B24", "memory with errors", "map-block unusable wb 16"),
    Row("reliable", "B40", "mirrored memory is memory", "map-block conventional wb+reliable 256"),
    Row("reserved-1T", "B33", "a page array for 1 TiB on a machine of 512 MiB",
        "map-extra reserved none 0x10000000000 0x10000000"),
    Row("retype-loader", "B29", "what we allocated ourselves is not called ours: our image, our page tables",
        "map-retype loader-code mmio; map-retype loader-data unaccepted"),
    Row("retype-acpi", "B37", "AMI's: ACPI tables in memory that the map calls boot services'",
        "map-retype acpi-reclaim boot-data; map-retype acpi-nvs boot-data", run="acpi; test tables; ",
        says=[r"^ok \d+ (- )?tables\s*$", r"^poweroff: ACPI S5"]),
    Row("retype-runtime", "B29", "runtime memory is known by its attribute alone",
        "map-retype runtime-data boot-data; map-retype runtime-code boot-code", run="time; vars; "),
    Row("retype-boot-services", "B36", "nothing to reclaim: all of it is reserved",
        "map-retype boot-data reserved; map-retype boot-code reserved"),
    Row("all-runtime", "B29", "all memory is the firmware's: the kernel has none, and says so",
        "map-extra boot-data wb+runtime 0 0x100000", NO_MEMORY),
    Row("all-reserved", "B12", "one descriptor over everything",
        "map-extra reserved none 0 0xfffffffffffff", NO_MEMORY),
    Row("ht-hole", "B33", "AMD's 12 GiB below 1 TiB", "map-extra reserved none 0xfd00000000 0x300000"),
]

PAGE0 = [
    Row(f"page0-{kind}", "B21", "page 0 is never used, whatever the map calls it", f"map-page0 {kind}")
    for kind in ["reserved", "loader-code", "loader-data", "boot-code", "boot-data", "runtime-code", "runtime-data",
                 "conventional", "unusable", "acpi-reclaim", "acpi-nvs", "mmio", "persistent", "unaccepted",
                 "0x80000001"]
]

SVAM = "call SetVirtualAddressMap "
OFF = r"^SetVirtualAddressMap: .*{}"  # what the command `boot` says
VIRTUAL = [
    Row("virtual-boot-code", "C43", "firmware runs boot-services code in SetVirtualAddressMap", SVAM + "boot-code",
        says=[r"code in boot-services memory: ran$"], marks=()),
    Row("virtual-page0", "B21", "and reads and writes page 0 there", SVAM + "page0",
        says=[r"^adversary: page 0 was read and written"]),
    Row("virtual-boot-memory", "C44", "and reads its boot-services data", SVAM + "boot-memory",
        says=[r"boot-services memory: intact$"]),
    Row("virtual-aligned", "C55", "and keeps SSE values on its stack", SVAM + "aligned; " + SVAM + "sse",
        says=[r"movaps on the caller's stack: ok"]),
    Row("virtual-interrupts", "C59", "and turns interrupts on", SVAM + "interrupts"),
    Row("virtual-task-switched", "C54", "and sets CR0.TS", SVAM + "task-switched"),
    Row("virtual-fails", "C47", "it fails: runtime services are off, all else works", SVAM + "fails",
        says=[OFF.format("failed")], reports=False),
    Row("virtual-pf", "C43", "it faults: likewise", SVAM + "pf", says=[OFF.format("faulted")], reports=False, marks=()),
    Row("virtual-ud", "C43", "likewise", SVAM + "ud", says=[OFF.format("faulted")], reports=False),
    Row("virtual-gp", "C43", "likewise", SVAM + "gp", says=[OFF.format("faulted")], reports=False),
]

BAD_ATTRIBUTES = [r"warn: runtime: .*memory.attributes.* ignored"]
TABLES = [
    Row("attributes-absent", "C53", "no memory-attributes table: older than UEFI 2.6", "table-absent attributes"),
    Row("attributes-absurd", "C53", "SUSE 1231465: a table of absurd size", "attributes count 0xffffffff",
        says=BAD_ATTRIBUTES),
    Row("attributes-long", "C53", "entries past the end of the table", "attributes count 1000", says=BAD_ATTRIBUTES),
    Row("attributes-stride-0", "C53", "an entry size of 0", "attributes stride 0", says=BAD_ATTRIBUTES),
    Row("attributes-stride-8", "C53", "an entry size that holds no entry", "attributes stride 8", says=BAD_ATTRIBUTES),
    Row("attributes-version", "C53", "a version that nobody knows", "attributes version 77", says=BAD_ATTRIBUTES),
    Row("attributes-open", "C53", "every entry writable and executable", "attributes open", says=BAD_ATTRIBUTES),
    Row("attributes-span", "C53", "every entry spans its neighbours", "attributes span 4096", says=BAD_ATTRIBUTES),
    Row("acpi-moved", "B37", "ACPI in boot-services memory: overwritten once that is given away", "table-moved acpi",
        run="acpi; test tables; ", says=[r"^ok \d+ (- )?tables\s*$", r"^poweroff: ACPI S5"]),
    Row("smbios-moved", "B37", "SMBIOS there", "table-moved smbios", run="test tables; ",
        says=[r"^ok \d+ (- )?tables\s*$"]),
    Row("esrt-moved", "B37", "the ESRT there", "table-moved esrt", run="test tables; ",
        says=[r"^ok \d+ (- )?tables\s*$"]),
    Row("all-moved", "B37", "all of them", "table-moved acpi; table-moved smbios; table-moved esrt; attributes span 0",
        run="test tables; ", says=[r"^ok \d+ (- )?tables\s*$"]),
    Row("acpi-absent", "B37", "no ACPI: one CPU and no power-off but the firmware's", "table-absent acpi",
        outcome=r"^keel: ready cpus=1 ", says=[r"^adversary: ResetSystem: if=0 stack=ok"]),
    Row("supported-none", "C60", "a mask is honoured though the pointers are there", "runtime-supported 0",
        reports=False,
        silent=[r"^adversary: \w+: if="], run="time; vars; "),
    Row("supported-no-time", "C60", "one service masked, the others on", "runtime-supported 0x3ffe", run="time; ",
        silent=[r"^adversary: GetTime: if="]),
    Row("supported-no-virtual", "C49", "SetVirtualAddressMap masked: services run where they are",
        "runtime-supported 0x3f7f", silent=[r"^adversary: SetVirtualAddressMap"]),
]

FAULTED = r"runtime: {} is off from here on: "
CALLS = [
    Row("time-pf", "C57", "GetTime crashes on Dells: the clock is gone, the kernel lives", "call GetTime pf",
        says=[FAULTED.format("GetTime")], run="time; time; ", marks=()),
    Row("time-ud", "C57", "likewise", "call GetTime ud", says=[FAULTED.format("GetTime")], run="time; "),
    Row("variable-gp", "C58", "GetVariable faults", "call GetVariable gp", says=[FAULTED.format("GetVariable")],
        run="vars Lang; "),
    Row("next-variable-pf", "C58", "GetNextVariableName faults", "call GetNextVariableName pf",
        says=[FAULTED.format("GetNextVariableName")], run="vars; "),
    Row("set-variable-ud", "C58", "SetVariable faults", "call SetVariable ud", says=[FAULTED.format("SetVariable")],
        run="vars set A b; ", reports=False),
    Row("time-boot-memory", "C44", "the service reads boot-services memory, which is others' by now",
        "call GetTime boot-memory", says=[FAULTED.format("GetTime")], run="time; "),
    Row("time-boot-code", "C44", "or runs code there", "call GetTime boot-code", says=[FAULTED.format("GetTime")],
        run="time; "),
    Row("time-page0", "B21", "page 0 is the firmware's in its address space", "call GetTime page0", run="time; ",
        says=[r"^adversary: page 0 was read and written"]),
    Row("time-interrupts", "C59", "the service turns interrupts on", "call GetTime interrupts", run="time; time; ",
        says=[r"runtime: GetTime came back with interrupts on"]),
    Row("time-sse", "C54", "the service leaves no SSE register as it was", "call GetTime sse; call GetVariable sse",
        run="time; vars; "),
    Row("time-aligned", "C55", "the service needs a 16-byte stack", "call GetTime aligned", run="time; ",
        says=[r"movaps on the caller's stack: ok"]),
    Row("time-task-switched", "C54", "the service sets CR0.TS", "call GetTime task-switched", run="time; time; "),
    Row("time-fails", "C57", "the service returns an error", "call GetTime fails", run="time; ",
        says=[r"^firmware: no time"]),
]

SCREEN = [
    Row("screen-none", "D68", "no GOP: serial only", "screen none", says=[r"no screen with a frame buffer"]),
    Row("screen-blt-only", "D68", "no frame buffer, though an address stands there", "screen format 3",
        says=[r"no screen with a frame buffer"]),
    Row("screen-base-0", "D66", "no cable: base 0", "screen base 0", says=[r"no screen with a frame buffer"]),
    Row("screen-height-0", "D66", "a mode without lines", "screen height 0", says=[r"warn: screen: frame buffer"]),
    Row("screen-width-0", "D66", "a mode without columns", "screen width 0", says=[r"warn: screen: frame buffer"]),
    Row("screen-pitch", "D67", "lines longer than what is seen", "screen width 1000"),
    Row("screen-pitch-short", "D67", "lines shorter than what is seen", "screen pitch 100",
        says=[r"warn: screen: frame buffer"]),
    Row("screen-pitch-absurd", "D67", "a pitch past the frame buffer", "screen pitch 0xffffffff",
        says=[r"warn: screen: frame buffer"]),
    Row("screen-masks", "D68", "colours as bit masks",
        "screen format 2; screen red 0xff0000; screen green 0xff00; screen blue 0xff"),
    Row("screen-masks-0", "D68", "masks without a bit",
        "screen format 2; screen red 0; screen green 0; screen blue 0", says=[r"warn: screen: frame buffer"]),
    Row("screen-above-4G", "D65", "a frame buffer at 448 GiB", "screen base 0x7000000000"),
    Row("screen-in-ram", "D66", "a frame buffer in memory: drawing would destroy it", "screen base ground+0",
        says=[r"warn: screen: frame buffer"]),
    Row("screen-wraps", "D66", "a frame buffer past the end of addresses", "screen base 0xfffffffffffff000",
        says=[r"warn: screen: frame buffer"]),
]

SCRIPT = [
    Row("unknown-word", "-", "a typing mistake in a script must not pass for a passed row",
        "exit stale 1\nfrobnicate", WRONG_SCRIPT),
    Row("bad-number", "-", "likewise", "map stride x", WRONG_SCRIPT),
]

ROWS = [*EXIT, *MAP, *PAGE0, *VIRTUAL, *TABLES, *CALLS, *SCREEN, *SCRIPT]


def parameters(rows):
    return [pytest.param(row, id=row.name, marks=[getattr(pytest.mark, mark) for mark in row.marks]) for row in rows]


def mcopy(image, source, target):
    subprocess.run(["mcopy", "-o", "-i", f"{image}@@{harness.machine.ESP_OFFSET}", source, f"::{target}"],
                   stdin=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="session")
def base_image(tmp_path_factory):
    """The image that people boot, with the adversary in the kernel's place."""
    image = tmp_path_factory.mktemp("adversary") / "adversary.img"
    shutil.copyfile(harness.machine.IMAGE, image)
    mcopy(image, ADVERSARY, "/EFI/BOOT/BOOTX64.EFI")
    mcopy(image, KERNEL, "/keel/keel.efi")
    return image


@pytest.fixture
def image_of(base_image, tmp_path):
    """Makes an image for a script."""
    def make(script):
        image, text = tmp_path / "row.img", tmp_path / "adversary.txt"
        shutil.copyfile(base_image, image)
        text.write_text("\n".join(line.strip() for line in script.split(";")) + "\n")
        mcopy(image, text, "/keel/adversary.txt")
        return image
    return make


def called_after_exit(text):
    return {name: int(count) for name, count in re.findall(r"^adversary: after the first exit: (\w+)=(\d+)", text,
    re.M)}


def check_report(row, text):
    """What the adversary saw: no call that the hand-off forbids, each on a good stack with interrupts off."""
    seen = re.search(r"^adversary: report: exits=(\d+) stale=(\d+) misaligned=(\d+) interrupts-on=(\d+)", text, re.M)
    assert seen, text[-6000:]
    exits, stale, misaligned, interrupts_on = map(int, seen.groups())
    calls = called_after_exit(text)
    assert (stale, misaligned, interrupts_on) == (0, 0, 0)
    assert row.attempts is None or exits == row.attempts
    assert set(calls) <= AFTER_EXIT | RUNTIME
    assert calls.get("SetVirtualAddressMap", 0) <= 1


def check_ready(row, text):
    """It boots, and every page is accounted for."""
    assert "panic:" not in text
    harness.ledger(text)
    assert re.search(r"^frame-check: ok\s*$", text, re.M), text[-6000:]
    lowest = re.search(r"^lowest free frame: 0x([0-9a-f]+)", text, re.M)
    assert int(lowest.group(1), 16) >= 1 << 20
    assert row.attempts is None or re.search(rf"^exit attempts: {row.attempts}\b", text, re.M), text[-6000:]
    for line in re.findall(r"^adversary: SetVirtualAddressMap call .*", text, re.M):
        assert "boot-memory=intact one-to-one=yes" in line
    if row.reports:
        check_report(row, text)


def play(row, image, **wishes):
    """Boots the row; what was printed, when it came out as the row says."""
    append = f'run="{COMMANDS}; {row.run}{REPORT}; poweroff"'
    with harness.Running(append=append, image=image, cpus=2, **wishes) as keel:
        found = keel.wait(f"{row.outcome}|{ANY_END}", seconds=harness.BOOT_SECONDS)
        assert re.search(row.outcome, found.group(0), re.M), keel.output()[-6000:]
        if row.boots():
            assert keel.ended(harness.BOOT_SECONDS) == (0, "guest-shutdown"), keel.output()[-6000:]
        return keel.output()


@pytest.mark.parametrize("row", parameters(ROWS))
def test_misbehaving_firmware(row, image_of):
    text = play(row, image_of(row.script))
    for expected in row.says:
        assert re.search(expected, text, re.M), text[-6000:]
    for unexpected in row.silent:
        assert not re.search(unexpected, text, re.M), text[-6000:]
    if row.boots():
        check_ready(row, text)


# U-Boot refuses SetVirtualAddressMap when there is a second runtime image, as the adversary is: services are off.
UBOOT = [
    Row("plain", "C47", "a second firmware, and a SetVirtualAddressMap that fails by itself", "", reports=False,
        says=[OFF.format("failed")]),
    Row("stale-3", "A2", "U-Boot's own way to refuse a key", "exit stale 3", reports=False, attempts=None),
    Row("descriptors-4000", "A5", "a long map without a screen", "map descriptors 4000", reports=False),
    Row("shuffle", "B11", "an unsorted map without a screen", "map shuffle; map stride 56", reports=False),
    Row("low-all-boot-services", "B22", "no trampoline before the exit", LOW, reports=False),
    Row("virtual-pf", "C43", "a fault in front of other page tables", SVAM + "pf", reports=False,
        says=[OFF.format("faulted")]),
    Row("virtual-boot-code", "C43", "boot-services code", SVAM + "boot-code", reports=False,
        says=[r"code in boot-services memory: ran$"]),
]


@pytest.mark.long  # the same rows pass on OVMF; the second firmware shows that the adversary is not tuned to one
@pytest.mark.parametrize("row", parameters(UBOOT))
def test_misbehaving_uboot(row, image_of):
    text = play(row, image_of(row.script), firmware_name="uboot")
    for expected in row.says:
        assert re.search(expected, text, re.M), text[-6000:]
    check_ready(row, text)


@pytest.mark.long
@pytest.mark.xfail(strict=True, reason="the kernel waits for ever for a runtime service that does not return")
def test_service_that_never_returns(image_of):
    """C59: the kernel should say so, turn the service off, and go on."""
    with harness.Running(image=image_of("call GetTime hang"), append='run="time; mem"') as keel:
        keel.wait(r"^adversary: never returns", seconds=harness.BOOT_SECONDS)
        keel.wait(r"^ledger: .* unaccounted=0\s*$", seconds=20)


@pytest.mark.long
def test_boot_watchdog_is_disarmed(image_of):
    """A19: a boot manager armed it at 20 s; a kernel that forgets it is reset then. Looked at 40 s later."""
    with harness.Running(image=image_of("watchdog 20"), append="") as keel:
        keel.ready()
        assert "the boot watchdog is still armed" not in keel.output()
        time.sleep(40)
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")


@pytest.mark.long
def test_reset_that_faults_leaves_a_machine(image_of):
    """C58: no ACPI, and ResetSystem faults: nothing powers this machine off, and the monitor still answers."""
    with harness.Running(image=image_of("table-absent acpi; call ResetSystem pf"), append='run="poweroff"') as keel:
        keel.wait(FAULTED.format("ResetSystem"), seconds=harness.BOOT_SECONDS)
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")


def address_said(keel, what):
    return int(re.search(rf"^adversary: {what} 0x([0-9a-f]+)", keel.output(), re.M).group(1), 16)


def memory_at(keel, address):
    """64 bytes of physical memory, as QEMU's monitor shows them."""
    return keel.qmp.command("human-monitor-command", command_line=f"xp /8gx {address:#x}")


@pytest.mark.long
def test_device_writes_no_memory_that_was_reclaimed(image_of):
    """D70: a device was told before the exit to write into boot-services memory a tenth of a second after it.

    Where the boot takes longer than that, the write came when the memory was still the firmware's, and is none of the
    kernel's business: what counts is that nothing changes any more once the kernel is ready.
    """
    with harness.Running(image=image_of("edu"), append="", extra=["-device", "edu,dma_mask=0xffffffff"]) as keel:
        keel.ready()
        target = address_said(keel, "edu will copy to")
        before = memory_at(keel, target)
        time.sleep(2)
        assert memory_at(keel, target) == before
        keel.command("test pci-silence", r"^ok \d+ (- )?pci-silence\s*$")
        keel.command("frames", r"^frame-check: ok\s*$")


@pytest.mark.long
@pytest.mark.parametrize("append", ["", "cpus=1"], ids=["all", "one"])
def test_parked_cpus_are_stopped(append, image_of):
    """D73: CPUs that firmware left running in boot-services memory: to be stopped even by who wants one CPU only."""
    with harness.Running(image=image_of("parked-cpus"), append=append, cpus=2) as keel:
        keel.ready()
        assert "adversary: parked CPUs count" in keel.output()
        counter = address_said(keel, "parked CPUs will count at")
        before = memory_at(keel, counter)
        time.sleep(1)
        assert memory_at(keel, counter) == before
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")


COMBINABLE = [row for row in ROWS if row.boots()]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_combined_misbehaviours(seed, image_of):
    """Three rows at once: it boots with its accounts in order, or it refuses, or it fails by name."""
    rows = random.Random(seed).sample(COMBINABLE, 3)
    script = "; ".join(row.script for row in rows)
    append = f'run="{COMMANDS}; {"".join(row.run for row in rows)}poweroff"'
    with harness.Running(append=append, image=image_of(script), cpus=2) as keel:
        found = keel.wait(rf"^keel: ready |{ANY_END}", seconds=harness.BOOT_SECONDS).group(0)
        assert not found.startswith(("panic:", "adversary: line")), f"{script}\n{keel.output()[-6000:]}"
        if found.startswith("keel: ready"):
            keel.wait(r"^frame-check: ok\s*$", seconds=harness.BOOT_SECONDS)
            assert keel.ended(harness.BOOT_SECONDS) == (0, "guest-shutdown"), f"{script}\n{keel.output()[-6000:]}"
            harness.ledger(keel.output())
