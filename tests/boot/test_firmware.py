"""Keel in front of firmware that misbehaves: the rows of rows/, each played and judged.

Whatever the row, the kernel may refuse, degrade and complain; it may not hang silently, reset, corrupt or lose a page.
"""

import random
import re
import shutil
import subprocess
import time

import pytest

import harness
from rows import ROWS
from rows.calls import FAULTED
from rows.memory_map import LOW
from rows.row import ANY_END, Row
from rows.virtual import OFF, SVAM

ADVERSARY = harness.machine.ROOT / "build" / "adversary.efi"
KERNEL = harness.machine.ROOT / "build" / "keel.efi"

COMMANDS = "mem; frames; boot"
REPORT = "vars set ADVERSARY report"

# What may be called between the first ExitBootServices and the kernel, and what the kernel may call.
AFTER_EXIT = {"GetMemoryMap", "ExitBootServices"}
RUNTIME = {"SetVirtualAddressMap", "GetTime", "GetVariable", "GetNextVariableName", "SetVariable", "ResetSystem"}


def parameters(rows):
    return [pytest.param(row, id=row.name) for row in rows]


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
