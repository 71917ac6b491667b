"""What `cpus` tells of each CPU: its microcode, and which of its errata the kernel knows and acts upon."""

import re

import pytest

import harness

# QEMU's own CPU under the name of a Skylake; not as a guest's, whose hypervisor would see to errata.
SKYLAKE = "max,vendor=GenuineIntel,family=6,model=94,stepping=3,-hypervisor,ucode-rev={:#x}"
ERRATUM = r"^erratum: (\S+) "

CPUS = [
    # -cpu, the revision that must be told, the errata
    pytest.param(SKYLAKE.format(0xB1 << 32), 0xB1, ["tsc-deadline"], id="skylake-old-microcode"),
    pytest.param(SKYLAKE.format(0xB2 << 32), 0xB2, [], id="skylake-mended"),
    # AMD has the revision in the register's other half
    pytest.param("max,vendor=AuthenticAMD,ucode-rev=0x8701034", 0x8701034, [], id="amd"),
    # A guest: whatever model it is told that it has
    pytest.param("max,vendor=GenuineIntel,family=6,model=94,stepping=3", 1, [], id="hypervisor"),
]


@pytest.mark.parametrize("cpu, revision, errata", CPUS)
def test_microcode_and_errata(cpu, revision, errata):
    """All CPUs by their own word; and the kernel's tests pass on each, the timer's among them."""
    ended = harness.boot('test=timer run="cpus; poweroff"', cpus=2, extra=["-cpu", cpu])
    told = re.findall(r"^cpu \d+: apic id \d+, microcode 0x([0-9a-f]+), ", ended.text, re.MULTILINE)
    assert [int(number, 16) for number in told] == [revision] * 2, ended.text[-4000:]
    assert re.findall(ERRATUM, ended.text, re.MULTILINE) == errata, ended.text[-4000:]
    assert re.search(r"^ok 1 timer\s*$", ended.text, re.MULTILINE), ended.text[-4000:]
    assert ended.status == 0, ended.messages
