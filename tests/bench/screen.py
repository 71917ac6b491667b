#!/usr/bin/env python3
"""Counts what a line of text costs on a screen that scrolls, and compares it with moving all of the frame buffer.

    tests/bench/screen.py              fails (1) when a goal is missed, or a figure is more than 5 % worse than recorded
    tests/bench/screen.py --record     writes the table of docs/benchmarks-screen.md anew

`ninja bench-screen` builds and runs it. QEMU counts instructions (boot.py says how), the kernel the bytes that it
stores (`screen`). The same lines on a machine without a screen are the anchor: what is left is the screen's.
"""

import argparse
import re
import sys

import boot
from boot import Counted, ROOT

PAGE = ROOT / "docs" / "benchmarks-screen.md"
SCREENS = ((1280, 800), (3840, 2160))
TIMES = 6  # the map is printed: some hundred lines, all of them scrolling
TOLERANCE = 0.05

# A page of lines may take so many bytes: at 1 GB/s, which a slow write-combining bus stores, 0.1 s.
PAGE_BYTES_MAX = 100 << 20


def display(size):
    if size is None:
        return ["-vga", "none"]
    slow = ",refresh_rate=30000" if size[0] > 3000 else ""  # an EDID has no room for the clock of 60 Hz
    return ["-vga", "none", "-device", f"VGA,edid=on,xres={size[0]},yres={size[1]},vgamem_mb=64{slow}"]


def run(size):
    """(lines, instructions of all of them, bytes stored for them, rows of the screen)."""
    commands = "map; time; screen; " + "map; " * TIMES + "time; screen; poweroff"
    with Counted("512M", 1, f'run="{commands}"', extra=display(size)) as keel:
        keel.ended(boot.WAIT_SECONDS)
        text = keel.output()
    between = text[text.index("\nuptime:"):text.rindex("\nuptime:")]
    times = [round(float(seconds) * 1e9) for seconds in re.findall(r"^uptime: (\S+) s", text, re.MULTILINE)]
    stored = [int(count) for count in re.findall(r" (\d+) bytes painted", text)] or [0, 0]
    rows = re.search(r" (\d+) rows$", text, re.MULTILINE)
    return between.count("\n"), times[1] - times[0], stored[1] - stored[0], int(rows.group(1)) if rows else 0


def measure():
    """size -> (instructions a line, bytes stored a line, bytes of the frame buffer, rows)."""
    _, anchor, _, _ = run(None)
    figures = {}
    for size in SCREENS:
        lines, instructions, stored, rows = run(size)
        figures[size] = ((instructions - anchor) // lines, stored // lines, 4 * size[0] * size[1], rows)
    return figures


def tables(figures):
    yield ("| screen | instructions a line | bytes stored a line | all of the frame buffer | part of it | "
           "a page of lines |")
    yield "|---|---:|---:|---:|---:|---:|"
    for (width, height), (instructions, stored, whole, rows) in figures.items():
        yield (f"| {width}x{height} | {instructions:,} | {stored:,} | {whole:,} | {stored / whole:.1%} | "
               f"{stored * rows / 1e6:.0f} MB |")


def missed(figures):
    """Goals that are missed, and figures worse than the recorded ones."""
    for size, (instructions, stored, whole, rows) in figures.items():
        name = "x".join(map(str, size))
        if stored * rows > PAGE_BYTES_MAX:
            yield f"{name}: a page of lines stores {stored * rows:,} bytes, at most {PAGE_BYTES_MAX:,} are allowed"
        before = re.search(rf"^\| {name} \| ([\d,]+) \| ([\d,]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        for now, then in zip((instructions, stored), before.groups() if before else ()):
            if now > int(then.replace(",", "")) * (1 + TOLERANCE):
                yield f"{name}: {now:,}, recorded {then}"


def record(figures):
    text = PAGE.read_text(encoding="utf-8")
    begin, end = text.index("<!-- table -->\n"), text.index("<!-- end of table -->")
    block = "\n".join(["<!-- table -->", "", *tables(figures), "", f"Made with: {boot.tools()}", ""])
    PAGE.write_text(text[:begin] + block + "\n" + text[end:], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write docs/benchmarks-screen.md")
    options = parser.parse_args()
    boot.snapshot.BOOT_SECONDS = boot.WAIT_SECONDS
    figures = measure()
    print("\n".join(tables(figures)))
    if options.record:
        record(figures)
    worse = list(missed(figures))
    print("\n" + ("\n".join(worse) or "every goal is met"))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
