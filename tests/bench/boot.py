#!/usr/bin/env python3
"""Counts the instructions of a boot, from the firmware's exit to `keel: ready`, and compares them with the recorded.

    tests/bench/boot.py              fails (1) when a figure is more than 2 % worse than in docs/benchmarks-boot.md
    tests/bench/boot.py --record     writes its tables anew

`ninja bench-boot` builds and runs it. QEMU counts (-icount shift=0: a tick of the TSC is an instruction), so the
figures repeat but for the few places that wait for a device. Machines start from snapshots (tests/boot/snapshot.py),
which are slow to make: the first run takes some minutes, later ones under one. Figures of another QEMU, firmware or
compiler than the recorded ones are printed and not compared.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "image"), str(ROOT / "tests" / "boot")]

import machine  # noqa: E402
import snapshot  # noqa: E402
from qemu import Qemu  # noqa: E402

PAGE = ROOT / "docs" / "benchmarks-boot.md"
KERNEL = ROOT / "build" / "keel.efi"
COUNTING = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
MEMORY = ("128M", "512M", "4G", "64G")
CPUS = (1, 2, 8)
WAIT_SECONDS = 600
TOLERANCE = 0.02

# Addresses of the kernel (mm/layout.h: IMAGE_WINDOW), where `nokaslr` leaves it, for QEMU's log of what is executed.
IMAGE_RANGE = "0xffffffff80000000+0x1000000"

# What is in no phase of ours: the firmware's exit, and what comes before it.
BEFORE = ("gather", "exit boot services")


class Counted(Qemu):
    """A machine that counts, and with log=True notes each instruction of the kernel's: `executed`, by CPU."""

    def __init__(self, memory, cpus, command_line, log=False, extra=()):
        super().__init__(machine.Machine(memory=memory, cpus=cpus, command_line=f"{command_line} nokaslr",
                                         extra=[*COUNTING, *extra]))
        self.log = log
        self.executed = Counter()

    def start(self, directory):
        self.wished.prepare(directory)
        arguments = self.logging(directory / "log") if self.log else []
        snapshot.start(self, directory, arguments)

    def logging(self, pipe):
        """One line an instruction, which begins with "Trace CPU:", through a pipe: they are millions."""
        os.mkfifo(pipe)
        self.reader = threading.Thread(target=self.count, args=(pipe,), daemon=True)
        self.reader.start()
        return ["-singlestep", "-d", "exec,nochain", "-dfilter", IMAGE_RANGE, "-D", pipe]

    def count(self, pipe):
        with open(pipe, "rb") as lines:
            self.executed.update(line[:line.index(b":")] for line in lines if line.startswith(b"Trace"))

    def begun(self):
        """Nothing to prepare on a machine that is about to go on (snapshot.start)."""


def phases(memory):
    """Phase -> instructions, those after the exit."""
    with Counted(memory, 1, 'run="boot; poweroff"') as keel:
        keel.wait(r"^boot: exit_to_ready_tsc=\d+\s", seconds=WAIT_SECONDS)
        rows = re.findall(r"^(\w[\w ]*?) +(\d+) tsc ", keel.output(), re.MULTILINE)
    return {name: int(count) for name, count in rows if name not in BEFORE}


def by_cpus(cpus):
    """Instructions that the kernel executes on all CPUs from its first to the power-off, without a wait for CPUs."""
    with Counted("512M", cpus, 'run="poweroff"', log=True) as keel:
        keel.ended(WAIT_SECONDS)
        keel.reader.join(WAIT_SECONDS)
    assert len(keel.executed) == cpus, f"{cpus} CPUs, of which worked: {list(keel.executed)}"
    return sum(keel.executed.values())


def gib(memory):
    return machine.memory_mib(memory) / 1024


def measure():
    """(row, column) -> figure."""
    figures = {}
    for memory in MEMORY:
        for phase, count in phases(memory).items():
            figures[phase, memory] = count
        figures["total", memory] = sum(figures[row] for row in list(figures) if row[1] == memory)
    for cpus in CPUS:
        figures["all CPUs", cpus] = by_cpus(cpus)
    figures["image", "bytes"] = KERNEL.stat().st_size
    return figures


def goals(figures):
    """What is asked for, what it is, and whether it is met."""
    total = {memory: figures["total", memory] for memory in MEMORY}
    growth = max((total[more] - total["512M"]) / (gib(more) - gib("512M")) for more in ("4G", "64G"))
    one, two, eight = (figures["all CPUs", cpus] for cpus in CPUS)
    beyond = (eight - one) / (CPUS[2] - 1) / (two - one) * 100 - 100
    size = figures["image", "bytes"]
    yield "512 MiB, one CPU, from the exit to ready: at most 2,000,000", f"{total['512M']:,}", total["512M"] <= 2000000
    yield "for each GiB more, up to 64: at most 400,000", f"{growth:,.0f}", growth <= 400000
    yield "a CPU of eight, to the second of two: at most 10 % more", f"{beyond:+.0f} %", beyond <= 10
    yield "the image: at most 229,376 bytes", f"{size:,}", size <= 229376


def tables(figures):
    names = list(dict.fromkeys(row for row, column in figures if column in MEMORY))
    yield "| instructions | " + " | ".join(MEMORY) + " |"
    yield "|---|" + "---:|" * len(MEMORY)
    for name in names:
        yield f"| {name} | " + " | ".join(f"{figures[name, memory]:,}" for memory in MEMORY) + " |"
    yield ""
    yield "| 512 MiB | " + " | ".join(f"{cpus} CPUs" if cpus > 1 else "1 CPU" for cpus in CPUS) + " |"
    yield "|---|" + "---:|" * len(CPUS)
    yield "| all CPUs | " + " | ".join(f"{figures['all CPUs', cpus]:,}" for cpus in CPUS) + " |"
    yield ""
    yield "| goal | figure | met |"
    yield "|---|---:|---|"
    for what, figure, met in goals(figures):
        yield f"| {what} | {figure} | {'yes' if met else '**no**'} |"


def tools():
    """What the figures depend on beside our sources."""
    wished = machine.Machine()
    said = [subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")[0]
            for program in (machine.qemu_program(), os.environ.get("CLANG", "clang"))]
    return "; ".join([*said, f"firmware {snapshot.digest(wished.firmware.code)}"])


def recorded():
    """The recorded figures, as measure() gives them, and the tools that they were made with."""
    text = PAGE.read_text(encoding="utf-8")
    figures = {}
    for columns, heading in ((MEMORY, "instructions"), (CPUS, "512 MiB")):
        block = re.search(rf"^\| {heading} \|.*?\n\n", text, re.MULTILINE | re.DOTALL)
        for line in block.group().splitlines()[2:] if block else ():
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            figures.update({(name, column): int(cell.replace(",", "")) for column, cell in zip(columns, cells)})
    made_with = re.search(r"^Made with: (.*)$", text, re.MULTILINE)
    return figures, made_with and made_with.group(1)


def record(figures):
    text = PAGE.read_text(encoding="utf-8")
    begin, end = text.index("<!-- tables -->\n"), text.index("<!-- end of tables -->")
    block = "\n".join(["<!-- tables -->", "", *tables(figures), "", f"Made with: {tools()}", ""])
    PAGE.write_text(text[:begin] + block + "\n" + text[end:], encoding="utf-8")


def compare(figures):
    """What is worse than recorded, in words. Totals alone: a phase may pay for another."""
    before, made_with = recorded()
    if made_with != tools():
        print(f"\nnot compared: recorded with {made_with}, this is {tools()}")
        return []
    return [f"{name}, {column}: {figures[name, column]:,}, recorded {count:,}"
            for (name, column), count in before.items()
            if name in ("total", "all CPUs") and figures[name, column] > count * (1 + TOLERANCE)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write docs/benchmarks-boot.md")
    options = parser.parse_args()
    snapshot.BOOT_SECONDS = WAIT_SECONDS  # firmware takes ten times as long when it is counted
    figures = measure()
    print("\n".join(tables(figures)))
    if options.record:
        record(figures)
        return 0
    worse = compare(figures)
    print("\n" + ("\n".join(worse) or f"no total is more than {TOLERANCE:.0%} worse"))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
