"""The encoder (kernel/base/qr.c, through build/host/qr) against zbar: what is put in is what a phone reads."""

import os
import pathlib
import random
import subprocess

import pytest

import zbar

QR = os.environ.get("QR", str(pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "host" / "qr"))
QUIET, PIXELS = 4, 3
CAPACITY = 520  # ISO/IEC 18004, table 7: version 15-L


def encode(data):
    return subprocess.run([QR], input=data, capture_output=True, timeout=60, check=False)


def picture(rows):
    """(pixels a side, grey pixels) of the symbol, with its quiet zone."""
    side = (len(rows) + 2 * QUIET) * PIXELS
    margin, edge = b"\xff" * side * QUIET * PIXELS, b"\xff" * (QUIET * PIXELS)
    lines = [edge + b"".join((b"\x00" if module == "#" else b"\xff") * PIXELS for module in row) + edge
             for row in rows for _ in range(PIXELS)]
    return side, margin + b"".join(lines) + margin


def decoded(data):
    side, grey = picture(encode(data).stdout.decode().split())
    return [code.data for code in zbar.read(side, side, grey)]


@pytest.mark.parametrize("seed", range(40))
def test_texts_are_read(seed):
    """Of all lengths."""
    generator = random.Random(seed)
    length = generator.choice([1, 2, 85, 86, 87, 88, CAPACITY - 1, CAPACITY, generator.randrange(1, CAPACITY)])
    data = bytes(generator.choices(b"\n" + bytes(range(0x20, 0x7F)), k=length))
    assert decoded(data) == [data]


@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"U", b"\n"], ids=["zeros", "ones", "stripes", "ends"])
def test_monotonous_contents_are_read(fill):
    """What the mask is for: without it these would be stripes and areas that no reader finds its way in."""
    assert decoded(fill * CAPACITY) == [fill * CAPACITY]


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_damage_is_mended(damaged):
    """A finger's width of the symbol is light: 12 x 12 modules of data, 7 % at most are mended (level L)."""
    data = b"panic: page fault in fault_page+0xb\n" * 14
    rows = encode(data).stdout.decode().split()
    for y in range(30, 42):
        at = 30 + 12 * damaged
        rows[y] = rows[y][:at] + "." * 12 + rows[y][at + 12:]
    side, grey = picture(rows)
    assert [code.data for code in zbar.read(side, side, grey)] == [data]


def test_more_than_fits_is_refused():
    assert encode(b"x" * CAPACITY).returncode == 0
    assert encode(b"x" * (CAPACITY + 1)).returncode == 1
