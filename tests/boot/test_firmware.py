"""Keel in front of firmware that misbehaves: the rows of rows/, each played and judged.

Whatever the row, the kernel may refuse, degrade and complain; it may not hang silently, reset, corrupt or lose a page.
"""

import re

import pytest

import harness
import judge
from rows import ROWS
from rows.calls import FAULTED, FAULTS
from rows.memory_map import LOW
from rows.row import ANY_END, Row
from rows.space import INTACT, SPACE
from rows.virtual import OFF, SVAM
from rows.words import quirks

COMMANDS = "mem; frames; boot"
REPORT = "vars set ADVERSARY report"


def parameters(rows, firmware=""):
    return [pytest.param(row, id=row.name, marks=[pytest.mark.quirk(item, outcome=outcome, row=firmware + row.name)
                                                  for item, outcome in quirks(row)]) for row in rows]


def play(row, image, **wishes):
    """Boots the row; what was printed, when it came out as the row says."""
    append = f'run="{COMMANDS}; {row.run}{REPORT}; poweroff"'
    with harness.Running(append=append, image=image, cpus=2, **row.machine, **wishes) as keel:
        found = keel.wait(f"{row.outcome}|{ANY_END}", seconds=harness.BOOT_SECONDS)
        if row.lacks and re.search(row.lacks, keel.output(), re.M):
            pytest.skip("the machine lacks what this row is about")
        assert re.search(row.outcome, found.group(0), re.M), keel.output()[-6000:]
        if row.boots():
            assert keel.ended(harness.BOOT_SECONDS) == (0, "guest-shutdown"), keel.output()[-6000:]
        return keel.output()


@pytest.mark.parametrize("row", parameters(ROWS))
def test_misbehaving_firmware(row, image_of):
    judge.check(row, play(row, image_of(row.script)))


# U-Boot refuses SetVirtualAddressMap when there is a second runtime image, as the adversary is: services are off.
UBOOT = [
    Row("plain", "C47", "a second firmware, and a SetVirtualAddressMap that fails by itself", "", reports=False,
        says=[OFF.format("failed")]),
    Row("stale-3", "A2", "U-Boot's own way to refuse a key", "exit stale 3", reports=False, attempts=None),
    Row("descriptors-4000", "A5", "a long map without a screen", "map descriptors 4000", reports=False),
    Row("shuffle", "A11", "an unsorted map without a screen", "map shuffle; map stride 56", reports=False),
    Row("low-all-boot-services", "B22", "no trampoline before the exit", LOW, reports=False),
    Row("virtual-pf", "C43", "a fault in front of other page tables", SVAM + "pf", reports=False,
        says=[OFF.format("faulted")]),
    Row("driver", "C43 A1", "a driver's handler in the exit; SetVirtualAddressMap fails before it gets to its handlers",
        "driver", reports=False, says=[r"^adversary: driver: in ExitBootServices, pages=1 pool=1$"]),
    Row("space-all", "A20 B36 D63 D75 D76", "page tables that forbid what they may", SPACE[-1].script, reports=False,
        says=INTACT),
    Row("virtual-boot-code", "C43", "boot-services code", SVAM + "boot-code", reports=False,
        says=[r"code in boot-services memory: ran$"]),
]


@pytest.mark.parametrize("row", parameters(UBOOT, "U-Boot "))
def test_misbehaving_uboot(row, image_of):
    judge.check(row, play(row, image_of(row.script), firmware_name="uboot"))


@pytest.mark.quirk("C59", outcome="boots; that service is off")
@pytest.mark.parametrize("append", ["", "cpus=1 "], ids=["other-cpu", "timer"])
def test_service_that_never_returns(append, image_of):
    """C59 at its worst: the kernel says so, turns the service off, and goes on; the others still work."""
    append += 'run="time; time; vars Lang; mem; frames; poweroff"'
    with harness.Running(image=image_of("call GetTime hang"), append=append, cpus=2) as keel:
        keel.wait(r"^adversary: never returns", seconds=harness.BOOT_SECONDS)
        keel.wait(r"runtime: GetTime is off from here on: still at 0x[0-9a-f]+ after 10 s")
        keel.wait(r"^firmware: no time \(it did not return\)")
        keel.wait(r"^frame-check: ok\s*$")
        assert keel.ended() == (0, "guest-shutdown"), keel.output()[-6000:]
        harness.ledger(keel.output())


@pytest.mark.quirk("D80", outcome="boots; the command line is empty")
def test_kernel_that_is_told_no_volume(image_of):
    """D80: a loaded image without a device has nowhere to read a command line from, and is a kernel all the same."""
    with harness.Running(append="", image=image_of("image no-volume")) as keel:
        keel.ready()
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")


@pytest.mark.quirk("C58", outcome="boots; that service is off")
def test_reset_that_never_returns_leaves_a_machine(image_of):
    """C58, likewise: no FADT, and ResetSystem hangs; the monitor answers again."""
    script = "acpi-hidden FACP; call ResetSystem hang"
    with harness.Running(image=image_of(script), append='run="poweroff"') as keel:
        keel.wait(r"runtime: ResetSystem is off from here on: still at", seconds=harness.BOOT_SECONDS)
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")


@pytest.mark.quirk("C58", outcome="boots; that service is off")
@pytest.mark.parametrize("kind, vector", FAULTS)
def test_reset_that_faults_leaves_a_machine(kind, vector, image_of):
    """C58: no ACPI, and ResetSystem faults: nothing powers this machine off, and the monitor still answers."""
    script = f"table-absent acpi; call ResetSystem {kind}"
    with harness.Running(image=image_of(script), append='run="poweroff"') as keel:
        keel.wait(FAULTED.format("ResetSystem") + vector, seconds=harness.BOOT_SECONDS)
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")
