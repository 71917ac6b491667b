"""QR codes on the screen, read from a screen dump by zbar: they are the text that the serial port has, to the byte."""

import re
import time

import pytest

import harness
import zbar
from test_crash import ENDED, panic_text
from test_screen import panel

SIZES = [(640, 480), (1280, 800), (3840, 2160)]
IDS = [f"{width}x{height}" for width, height in SIZES]
PROMPT = r"^keel> $"


def codes(keel, path, seconds=30):
    """The texts of the codes on the screen, when two dumps agree on them: QEMU's display is behind the frame buffer."""
    deadline, before = time.monotonic() + seconds, None
    while True:
        keel.qmp.command("screendump", filename=str(path))
        _, size, _, pixels = path.read_bytes().split(b"\n", 3)
        width, height = map(int, size.split())
        found = [code.data for code in zbar.read(width, height, pixels[1::3])]
        if found == before or time.monotonic() > deadline:
            return found
        before = found
        time.sleep(0.3)


def shown(keel, command, path):
    """All pages of a command that shows codes."""
    keel.send(command + "\r")
    pages, deadline = [], time.monotonic() + 60
    while not pages and time.monotonic() < deadline:
        pages = codes(keel, path)
    start, page = keel.mark(), pages
    while page:
        keel.send(" ")
        time.sleep(1)
        page = [] if re.search(PROMPT, keel.output(start)) else codes(keel, path)
        pages += page
    return b"".join(pages).decode()


def printed(keel, command):
    start = keel.mark()
    keel.send(command + "\r")
    keel.wait(PROMPT, start)
    text = keel.output(start)
    return text[text.index("\n") + 1:text.rindex("keel> ")]


@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_panic_is_read_by_a_phone(size, tmp_path):
    """The machine stays as the panic left it, as a real one does."""
    with harness.Running('run="fault page"', verdict=False, extra=panel(*size), cpus=2) as keel:
        keel.wait(ENDED, seconds=harness.BOOT_SECONDS)
        assert b"".join(codes(keel, tmp_path / "dump.ppm")).decode() == panic_text(keel.output())


def test_panic_without_serial_is_read_by_a_phone(tmp_path):
    """All that a laptop has."""
    with harness.Running('run="fault page"', verdict=False, extra=["-serial", "none"], cpus=2) as keel:
        found, deadline = [], time.monotonic() + harness.BOOT_SECONDS
        while not found and time.monotonic() < deadline:
            found = codes(keel, tmp_path / "dump.ppm")
        text = b"".join(found).decode()
        assert text.startswith("panic: page fault in fault_page+") and text.endswith("\n")
        assert "backtrace:\n" in text and "command_fault+" in text


def test_codes_that_do_not_fit_take_turns(tmp_path):
    """For ever, without a key: a long backtrace takes three codes, and a small screen has room for two."""
    with harness.Running('run="fault stack-overflow"', verdict=False, extra=panel(640, 480), cpus=2) as keel:
        keel.wait(ENDED, seconds=harness.BOOT_SECONDS)
        text, seen, deadline = panic_text(keel.output()), [], time.monotonic() + 120
        while len(seen) < 5 and time.monotonic() < deadline:
            page = b"".join(codes(keel, tmp_path / "dump.ppm")).decode()
            if page and page not in seen[-1:]:
                seen.append(page)
        first = next(i for i, page in enumerate(seen) if page.startswith("panic: "))
        assert seen[first] + seen[first + 1] == text
        assert len(set(seen)) == 2 and len(seen) == 5, "and again"


@pytest.mark.parametrize("size", SIZES, ids=IDS)
def test_map_and_report_are_read_by_a_phone(size, tmp_path):
    with harness.Running("", extra=panel(*size), cpus=2) as keel:
        keel.ready()
        keel.wait(PROMPT)
        memory_map, report = printed(keel, "map"), printed(keel, "report")
        assert memory_map.count("\n") > 50 and shown(keel, "map qr", tmp_path / "dump.ppm") == memory_map
        # The text's own memory is in the ledger, and the first report on the screen
        moving = re.compile(r"free=\d+ used=\d+ |\d+ bytes painted")
        assert moving.sub("", shown(keel, "report qr", tmp_path / "dump.ppm")) == moving.sub("", report)
        assert printed(keel, "help").startswith("  mem "), "the monitor goes on"


def test_pages_are_turned_and_left(tmp_path):
    """A key goes on, Left goes back, Esc leaves; what was on the screen is there again."""
    with harness.Running("", cpus=1) as keel:
        keel.ready()
        keel.wait(PROMPT)
        path = tmp_path / "dump.ppm"
        keel.send("map qr\r")
        time.sleep(1)
        first = codes(keel, path)
        keel.send(" ")
        time.sleep(1)
        second = codes(keel, path)
        assert first and second and first != second
        keel.send("\x1b[D")
        time.sleep(1)
        assert codes(keel, path) == first
        start = keel.mark()
        keel.send("\x1b")
        keel.send("\x1b")
        keel.wait(PROMPT, start)
        assert codes(keel, path) == []


def test_without_a_screen_it_says_so():
    with harness.Running("", extra=["-vga", "none"], cpus=1) as keel:
        keel.ready()
        keel.command("map qr", r"^map: no screen that a code fits on\s*$")
        keel.command("crash qr", r"^crash: the last boot left nothing\s*$")
        keel.command("report save", r"^crash: saved; Linux: tail -c \+29 /sys/firmware/efi/efivars/KeelReport-")
