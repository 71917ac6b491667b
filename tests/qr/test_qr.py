"""The encoder (kernel/base/qr.c, through build/host/qr) against zbar: what is put in is what a phone reads."""

import os
import pathlib
import random
import subprocess

import pytest

import zbar

QR = os.environ.get("QR", str(pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "host" / "qr"))
QUIET, PIXELS = 4, 3
CAPACITY = {1: 17, 9: 230, 10: 271, 15: 520, 40: 2953}  # ISO/IEC 18004, table 7


def picture(version, data):
    """(pixels a side, grey pixels) of the symbol, with its quiet zone."""
    ran = subprocess.run([QR, str(version)], input=data, capture_output=True, timeout=60, check=True)
    rows = ran.stdout.decode().split()
    side = (len(rows) + 2 * QUIET) * PIXELS
    blank = b"\xff" * side
    edge = b"\xff" * (QUIET * PIXELS)
    lines = [edge + b"".join((b"\x00" if module == "#" else b"\xff") * PIXELS for module in row) + edge
             for row in rows for _ in range(PIXELS)]
    return side, blank * (QUIET * PIXELS) + b"".join(lines) + blank * (QUIET * PIXELS)


def capacity(version):
    return int(subprocess.run([QR, "--capacity", str(version)], capture_output=True, timeout=60, check=True).stdout)


def decoded(version, data):
    side, grey = picture(version, data)
    return [code.data for code in zbar.read(side, side, grey)]


def some_text(generator, length):
    return bytes(generator.choices(b"\n" + bytes(range(0x20, 0x7F)), k=length))


@pytest.mark.parametrize("version", range(1, 41))
def test_every_version_is_read(version):
    """Full, nearly full, and short, for the padding; contents differ, and with them the masks that win."""
    generator = random.Random(version)
    for length in (capacity(version), capacity(version) - 1, capacity(version) // 2, 1):
        data = some_text(generator, length)
        assert decoded(version, data) == [data]


@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"U", b"\n"], ids=["zeros", "ones", "stripes", "ends"])
def test_monotonous_contents_are_read(fill):
    """What masks are for: without them these would be stripes and areas that no reader finds its way in."""
    data = fill * capacity(15)
    assert decoded(15, data) == [data]


@pytest.mark.parametrize("version", CAPACITY)
def test_capacities_are_those_of_the_specification(version):
    assert capacity(version) == CAPACITY[version]
