"""The screen: read back through its font, because what counts is what a person can read."""

import re
import time

import pytest

import harness
from screen_text import Screen, expected, shown

ANSWER = 'run="mem; boot; map; acpi; pci; cpus"'
RED, YELLOW, GREY = (0xC0, 0, 0), (0xC0, 0xC0, 0), (0xC0, 0xC0, 0xC0)


def panel(width, height):
    """A screen of that size. QEMU cannot say 3840x2160 at more than 30 Hz in a detailed timing."""
    slow = ",refresh_rate=30000" if width > 3000 else ""
    return ["-vga", "none", "-device", f"VGA,edid=on,xres={width},yres={height},vgamem_mb=64{slow}"]


def settled(keel, path, font, seconds=20):
    """The screen when two dumps are the same: QEMU's display is a little behind the frame buffer."""
    deadline = time.monotonic() + seconds
    before = None
    while True:
        screen = Screen(keel, path, font)
        if before == screen.pixels or time.monotonic() > deadline:
            return screen
        before = screen.pixels
        time.sleep(0.3)


SIZES = [
    ((640, 480), "8x16", "the smallest that a screen may have: 80 columns, 30 rows"),
    ((1280, 800), "8x16", "a laptop of some years ago; QEMU's own"),
    ((1920, 1080), "8x16", "67 rows and 8 lines that no row fills"),
    ((2880, 1800), "16x32", "a panel on which 8x16 cannot be read"),
    ((3840, 2160), "16x32", "8 million pixels"),
]


@pytest.mark.parametrize("size, font, why", SIZES, ids=[f"{size[0]}x{size[1]}" for size, _, _ in SIZES])
def test_screen_says_what_serial_says(size, font, why, tmp_path):
    with harness.Running(ANSWER, memory="512M", cpus=2, extra=panel(*size)) as keel:
        keel.ready()
        keel.wait(r"^'help' lists.*\nkeel> $")
        keel.command("screen", rf"^mode: {size[0]}x{size[1]}, [^\0]*^font: {font}, [^\0]*: write-combining\n")
        keel.wait(r"write-combining\nkeel> $")
        screen = settled(keel, tmp_path / "dump.ppm", font)
        assert (screen.width, screen.height) == size
        lines = shown(screen)
        told = expected(keel.output(), screen.columns)
        told[-1:] = ["keel>"]  # the prompt, whose blank is the cursor's
        assert len(lines) >= screen.rows - screen.rows // 8 - 1, "what came last stands on the screen, as much as fits"
        assert lines == told[-len(lines):]


def test_no_screen():
    with harness.Running("", memory="512M", cpus=1, extra=["-vga", "none"]) as keel:
        keel.ready()
        keel.command("screen", r"^screen: none")


def test_other_font(tmp_path):
    with harness.Running("font=32x64", memory="512M", cpus=1) as keel:
        keel.ready()
        keel.command("screen", r"^font: 32x64, 40 columns, 12 rows")
        keel.wait(r"write-combining\nkeel> $")
        screen = settled(keel, tmp_path / "dump.ppm", "32x64")
        lines = shown(screen)
        assert lines[-1] == "keel>"
        assert "font: 32x64, 40 columns, 12 rows" in lines


def test_other_mode(tmp_path):
    """mode= is boot/'s word; what cannot be had is said."""
    with harness.Running("mode=1024x768", memory="512M", cpus=1) as keel:
        keel.ready()
        keel.command("screen", r"^mode: 1024x768,")
        assert (settled(keel, tmp_path / "dump.ppm", "8x16").width) == 1024
    with harness.Running("mode=1023x767", memory="512M", cpus=1) as keel:
        keel.ready()
        assert re.search(r"^warn: screen: mode=1023x767 cannot be had, it is 1280x800$", keel.output(), re.MULTILINE)


def test_colours(tmp_path):
    """A warning is yellow, an error red, the rest grey; the serial line carries none of it."""
    with harness.Running("frobnicate", memory="512M", cpus=1) as keel:
        keel.ready()
        keel.wait(r"keel> $")
        assert b"\x1b[3" not in keel.text[keel.text.index(b"calling SetVirtualAddressMap"):]
        screen = settled(keel, tmp_path / "dump.ppm", "8x16")
        lines = shown(screen)
        warning = next(row for row, line in enumerate(lines) if line.startswith("warn: command line: unknown word"))
        assert screen.colour(0, warning) == YELLOW
        assert screen.colour(0, len(lines) - 1) == GREY


def page(keel, path, key):
    keel.press(key)
    time.sleep(0.5)
    return settled(keel, path, "8x16")


def test_pages(tmp_path):
    """Page up shows what scrolled off, with a line that says so; any other key leads back, and is not lost."""
    path = tmp_path / "dump.ppm"
    with harness.Running('run="map; map; map"', memory="512M", cpus=1) as keel:
        keel.ready()
        keel.wait(r"^'help' lists.*\nkeel> $")
        end = settled(keel, path, "8x16")
        told = expected(keel.output(), end.columns)
        back = page(keel, path, "pgup")
        lines = back.lines()
        assert re.match(r" 49 of \d+ rows back", lines[-1])
        first = len(told) - len(shown(end)) - 49
        assert lines[:-1] == told[first:first + 49]
        assert re.match(r" 98 of \d+ rows back", page(keel, path, "pgup").lines()[-1])
        assert page(keel, path, "pgdn").lines() == lines
        assert page(keel, path, "pgdn").pixels == end.pixels
        page(keel, path, "pgup")
        keel.type_on_keyboard("screen\n")
        keel.wait(r"^keel> screen\nmode: ")
        assert shown(settled(keel, path, "8x16"))[-1] == "keel>"


HANGS = [
    ("exit", "call ExitBootServices hang", 1),
    ("virtual-map", "call SetVirtualAddressMap hang", 4),
]


@pytest.mark.parametrize("script, count", [(script, count) for _, script, count in HANGS],
                         ids=[name for name, _, _ in HANGS])
def test_marks_tell_where_it_stopped(script, count, image_of, tmp_path):
    """A machine without a serial line, photographed: the blocks are counted, docs/debugging.md says what they mean."""
    with harness.Running(image=image_of(script), memory="512M", cpus=1) as keel:
        keel.wait(r"^adversary: never returns", seconds=harness.BOOT_SECONDS)
        assert settled(keel, tmp_path / "dump.ppm", "8x16").marks() == count


MODES = [
    ("panel", "screen panel 1920 1080", (1920, 1080), "the panel's own size"),
    ("panel-damaged", "screen panel 1920 1080 damaged", (1280, 800), "an EDID that does not add up is none"),
    ("panel-odd", "screen panel 1366 767", (1280, 800), "the panel has a size that no mode has: what was set stays"),
    ("set-fails", "screen panel 1920 1080; screen set-mode fails", (1280, 800), "SetMode fails: what was set is there"),
    ("set-deaf", "screen panel 1920 1080; screen set-mode deaf", (1280, 800), "SetMode lies: the mode is read again"),
    ("set-blt-only", "screen panel 1920 1080; screen set-mode blt-only", (1280, 800),
     "the new mode has no frame buffer: back to the one that has"),
    ("pitch", "screen width 1000", (1000, 800), "lines that are longer than what is said to be seen"),
    ("masks", "screen format 2; screen red 0xff0000; screen green 0xff00; screen blue 0xff", (1280, 800),
     "a mode described by masks"),
]


@pytest.mark.parametrize("script, size", [(script, size) for _, script, size, _ in MODES],
                         ids=[name for name, _, _, _ in MODES])
def test_text_whatever_firmware_says_of_modes(script, size, image_of, tmp_path):
    with harness.Running(image=image_of(script), memory="512M", cpus=1) as keel:
        keel.ready()
        keel.command("screen", rf"^mode: {size[0]}x{size[1]}, ")
        keel.wait(r"write-combining\nkeel> $")
        screen = settled(keel, tmp_path / "dump.ppm", "8x16")
        assert screen.height == size[1]
        lines = shown(screen)
        assert lines[-1] == "keel>"
        assert lines == expected(keel.output(), screen.columns)[-len(lines):-1] + ["keel>"]
