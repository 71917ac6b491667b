"""Boots through real firmware, as image/run does it: one row a machine, and each says why it exists."""

import re

import pytest

import harness

EVERYTHING = 'run="mem; frames; cpus; boot; time; poweroff"'


class Row:
    """One machine. why: the reason for the row; it is the row's documentation and its only excuse.

    items: those of docs/firmware-quirks.md that this machine's firmware shows by itself. used_max: pages that the
    kernel may keep.
    """

    def __init__(self, name, why, memory="512M", cpus=2, firmware="ovmf", extra=(), append="", marks=(), items="",
                 used_max=None):
        self.name, self.why, self.append, self.used_max = name, why, append, used_max
        self.marks = [getattr(pytest.mark, mark) for mark in marks]
        self.marks += [pytest.mark.quirk(item, outcome="boots") for item in items.split()]
        self.machine = dict(memory=memory, cpus=cpus, firmware=firmware, extra=extra)


def parameters(rows):
    return [pytest.param(row, id=row.name, marks=row.marks) for row in rows]


MACHINES = [
    Row("128M-1cpu", "the smallest machine: nothing may assume memory to spare, nor a second CPU", "128M", 1),
    Row("512M-2cpu", "the machine that the memory figures are quoted for", "512M", 2, marks=["quick"],
        items="A18 B30 D72"),
    Row("2G-4cpu", "all memory still below the hole under 4 GiB, several CPUs", "2G", 4),
    Row("6G-4cpu", "memory on both sides of the hole under 4 GiB", "6G", 4, items="A11 B42"),
    Row("16G-16cpu", "many page-array sections for many CPUs to describe", "16G", 16),
    Row("uboot-512M-1cpu", "a second firmware: other tables, other quirks, NX off at entry", "512M", 1, "uboot",
        items="A8 D75 D80"),
    Row("uboot-1G-2cpu", "U-Boot parks CPUs itself; ours must still take them", "1G", 2, "uboot"),
    Row("no-display", "no GOP: nothing to draw on", extra=["-vga", "none"], items="D68"),
    Row("no-hpet", "time without an HPET", extra=["-machine", "hpet=off"]),
    Row("no-i8042", "no keyboard controller: reads of its ports float", extra=["-machine", "i8042=off"]),
    Row("bare", "every optional device absent at once", extra=["-vga", "none", "-machine", "hpet=off,i8042=off"]),
    Row("noruntime", "runtime services never called, not even mapped", append="noruntime"),
    Row("cpus=1", "processors that are there and stay unstarted", cpus=4, append="cpus=1"),
    Row("absent-cpus", "sockets without a CPU are in the MADT: nobody waits for what is not there",
        extra=["-smp", "2,maxcpus=8"], items="D74"),
    Row("iommu", "a DMAR table and an IOMMU that firmware leaves off: it stays so, and nothing of it is RAM",
        extra=["-device", "intel-iommu"], items="D71"),
    Row("keep-boot-services", "boot-services memory stays where it was and is still accounted for",
        append="keep-boot-services"),
    Row("no-gigabyte-pages", "page tables where the CPU has no 1 GiB pages", "6G", 2,
        extra=["-cpu", "max,pdpe1gb=off"]),
    Row("old-cpu", "no SMEP, SMAP, UMIP, x2APIC, invariant TSC or RDRAND", extra=["-cpu", "qemu64"]),
    Row("64G-16cpu", "the kernel's share does not grow faster than memory: at most 0.21 % of it", "64G", 16,
        items="B42", used_max=(64 << 18) * 21 // 10000),
    Row("256G-4cpu", "2,048 sections: the index above them has a third level", "256G", 4, marks=["long"]),
    Row("1T-2cpu", "addresses of more than 40 bits", "1024G", 2, extra=["-cpu", "max,phys-bits=46"], marks=["long"]),
    Row("512M-255cpu", "the most CPUs that 8-bit APIC ids can name, on little memory for each", "512M", 255,
        marks=["long"]),
]


@pytest.mark.parametrize("row", parameters(MACHINES))
def test_boots_and_accounts_for_every_page(row):
    ended = harness.run(f"{row.append} {EVERYTHING}", **row.machine)
    cpus = 1 if "cpus=1" in row.append else row.machine["cpus"]
    assert re.search(rf"^keel: ready cpus={cpus} boot_us=\d+", ended.text, re.MULTILINE), ended.text[-4000:]
    assert "panic:" not in ended.text
    assert "did not come" not in ended.text, "a CPU was waited for that is not there, or did not start"
    assert re.search(r"^frame-check: ok\s*$", ended.text, re.MULTILINE), ended.text
    assert re.search(r"^boot: exit_to_ready_tsc=\d+\s*$", ended.text, re.MULTILINE), ended.text
    assert sorted(map(int, re.findall(r"^cpu (\d+): ", ended.text, re.MULTILINE))) == list(range(cpus))
    lowest = re.search(r"^lowest free frame: 0x([0-9a-f]+)", ended.text, re.MULTILINE)
    assert int(lowest.group(1), 16) >= 1 << 20, "memory below 1 MiB is never handed out"
    found = harness.ledger(ended.text)
    assert row.used_max is None or found.used <= row.used_max
    assert ended.status == 0, ended.messages


class Nodes:
    """A machine of two nodes with two CPUs each. Up to 2 GiB of memory lie below the hole that ends at 4 GiB.

    ranges: what `mem` must print of each node, in whole sections.
    """

    def __init__(self, name, why, sizes, ranges, marks=()):
        self.name, self.why, self.sizes, self.ranges = name, why, sizes, ranges
        self.marks = [getattr(pytest.mark, mark) for mark in marks]

    def extra(self):
        words = ["-m", f"{sum(self.sizes)}M"]
        for node, size in enumerate(self.sizes):
            words += ["-object", f"memory-backend-ram,id=near{node},size={size}M,reserve=off",
                      "-numa", f"node,nodeid={node},cpus={2 * node}-{2 * node + 1},memdev=near{node}"]
        return words


NODES = [
    Nodes("hole-between", "a hole between the nodes: the one has low memory only, the other none", [2048, 2048],
          ["[0x0, 0x80000000)", "[0x100000000, 0x180000000)"]),
    Nodes("section-of-two", "nodes that meet in a section, and one with memory on both sides of the hole",
          [1568, 2528], ["[0x0, 0x68000000)", "[0x100000000, 0x180000000) [0x60000000, 0x80000000)"], marks=["long"]),
]


@pytest.mark.parametrize("row", parameters(NODES))
def test_nodes_take_their_own_memory_first(row):
    ended = harness.run('run="mem; test numa; mem; frames; cpus; poweroff"', cpus=4, extra=row.extra())
    ids = dict(re.findall(r"^cpu (\d+): apic id (\d+)", ended.text, re.MULTILINE))
    nodes = re.findall(r"^node (\d+): (.*) pages=(\d+) free=(\d+) cpus:(( \d+)*)\s*$", ended.text, re.MULTILINE)
    assert [node[:2] for node in nodes] == 2 * list(zip("01", row.ranges)), ended.text
    for number, _, pages, free, cpus, _ in nodes:
        assert {ids[index] for index in cpus.split()} == {str(2 * int(number)), str(2 * int(number) + 1)}
        assert 0.97 * int(pages) < int(free) <= int(pages)
    assert re.search(r"^ok 1 numa\s*$", ended.text, re.MULTILINE), ended.text
    assert re.search(r"^frame-check: ok\s*$", ended.text, re.MULTILINE), ended.text
    assert sum(int(node[3]) for node in nodes[2:]) >= harness.ledger(ended.text).free, "a section may be near both"
    assert ended.status == 0, ended.messages


@pytest.mark.long
def test_minute_of_stress():
    """All CPUs, all orders, for a minute: nothing is lost, and every bit of the allocator is where it belongs."""
    ended = harness.run('run="test frames-stress 60; frames; mem; poweroff"', memory="3G", cpus=4, seconds=240)
    assert re.search(r"^ok 1 frames-stress\s*$", ended.text, re.MULTILINE), ended.text[-4000:]
    assert re.search(r"^frame-check: ok\s*$", ended.text, re.MULTILINE), ended.text[-4000:]
    harness.ledger(ended.text)
    assert ended.status == 0, ended.messages


def test_without_serial_the_exit_status_still_tells():
    """No console at all but the screen: the power-off must come all the same."""
    ended = harness.run(EVERYTHING, extra=["-serial", "none"])
    assert ended.status == 0, ended.messages
    assert ended.text == ""


def test_without_serial_a_panic_still_tells():
    """The counterpart of the row above: status 0 must not be what silence always gives."""
    ended = harness.run('run="fault page"', extra=["-serial", "none"])
    assert ended.status == 1, ended.messages
    assert "panicked" in ended.messages


def test_memory_figures_at_512M():
    """What the kernel may keep: at most 448 pages for itself, at least 98.0 % of the machine for others."""
    ended = harness.run('run="mem; poweroff"', memory="512M", cpus=2)
    found = harness.ledger(ended.text)
    assert not re.search(r"^node ", ended.text, re.MULTILINE), "there are no nodes where there is one"
    assert found.used <= 448
    assert found.free >= 0.98 * 131072
    assert found.reclaimed > 0


def test_keeping_boot_services_frees_less():
    """The option must do what it says: fewer free pages than with reclaim, none reclaimed."""
    kept = harness.ledger(harness.run('keep-boot-services run="mem; poweroff"').text)
    assert kept.reclaimed == 0
    assert kept.free < 0.98 * 131072


def test_unknown_word_is_reported():
    """A typing mistake on the command line is named, and the boot goes on."""
    ended = harness.run('frobnicate=7 run="poweroff"')
    assert "frobnicate" in ended.text
    assert ended.status == 0, ended.messages


def test_unknown_monitor_command_is_reported():
    """Likewise a mistake in run=."""
    ended = harness.run('run="frobnicate; poweroff"')
    assert "frobnicate" in ended.text.split("keel: ready", 1)[1]
    assert ended.status == 0, ended.messages


def test_reboot_is_not_a_power_off():
    """A reset ends the machine (-no-reboot) with a verdict that is not success."""
    ended = harness.run('run="reboot"')
    assert ended.status == 1
    assert "reset" in ended.messages


def test_map_command_prints_lines_that_replay_accepts(tmp_path):
    """A person sends in what `map` prints: it must replay, to the same total that the machine printed."""
    ended = harness.run('run="map; mem; poweroff"')
    lines = re.findall(r"^\d+ (?:0x)?[0-9a-f]+ \d+ (?:0x)?[0-9a-f]+\s*$", ended.text, re.MULTILINE)
    recorded = tmp_path / "machine.map"
    recorded.write_text("\n".join(line.strip() for line in lines) + "\n")
    replay = harness.machine.ROOT / "build" / "host" / "replay"
    ran = harness.subprocess.run([replay, recorded], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert harness.ledger(ran.stdout).total == harness.ledger(ended.text).total


def test_in_kernel_tests():
    """All tests that only the kernel itself can run: faults caught, W^X, guard pages, timers, all CPUs."""
    ended = harness.run('test=all run="poweroff"', memory="1G", cpus=4)
    results = re.findall(r"^(ok|not ok) (\d+) (?:- )?(.*)$", ended.text, re.MULTILINE)
    planned = re.search(r"^1\.\.(\d+)", ended.text, re.MULTILINE)
    assert planned and int(planned.group(1)) == len(results) > 0, ended.text[-4000:]
    assert [name for verdict, _, name in results if verdict != "ok"] == []
    assert ended.status == 0, ended.messages
