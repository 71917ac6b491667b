"""Starts Keel in QEMU for the boot tests, in three ways.

run() calls image/run, as a person does, and returns what it printed and its verdict: for boots that end by themselves.
Running is a machine to talk to: serial lines, keys, QMP; it starts from a snapshot. boot() is run() with a Running.
All have a deadline on every wait; no test depends on how fast anything is, only on it happening at all.
"""

import re
import subprocess
import time
from collections import namedtuple
from pathlib import Path

import pytest

import machine
import snapshot
from firmware import FirmwareError, find
from qemu import ANSWER_SECONDS, BOOT_SECONDS, Qemu, plain
from run import verdict

Ended = namedtuple("Ended", "status text messages")

LEDGER = re.compile(r"^ledger: total=(\d+) free=(\d+) used=(\d+) firmware=(\d+) low=(\d+) reclaimed=(\d+) "
                    r"unaccounted=(-?\d+)\s*$", re.MULTILINE)
Ledger = namedtuple("Ledger", "total free used firmware low reclaimed unaccounted")


def run(append, memory="512M", cpus=2, firmware="ovmf", extra=(), seconds=BOOT_SECONDS, image=machine.IMAGE,
        disk="sata"):
    """One boot through image/run, from start to verdict."""
    if firmware == "uboot":
        skip_without_uboot()
    command = [machine.ROOT / "image" / "run", "--headless", "--image", image, "--disk", disk,
               "--memory", memory, "--cpus", str(cpus), "--firmware", firmware, "--append", append,
               "--timeout", str(seconds)]
    ran = subprocess.run([*command, "--", *extra], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=seconds + 60)
    return Ended(ran.returncode, plain(ran.stdout), plain(ran.stderr))


def boot(append, **wishes):
    """One boot of a Running until it ends by itself, with the verdict that image/run gives."""
    with Running(append, **wishes) as keel:
        status, words = verdict(*keel.ended(BOOT_SECONDS))
        return Ended(status, keel.output(), words or "")


def skip_without_uboot():
    """Not every distribution has a U-Boot for QEMU; tests/run lists what was skipped. OVMF has no such excuse."""
    try:
        find("uboot")
    except FirmwareError as error:
        pytest.skip(str(error))


def ledger(text):
    """The ledger's line; the sums in it are checked here, since no ledger may print anything else."""
    found = LEDGER.findall(text)
    assert found, f"no ledger line in:\n{text}"
    values = Ledger(*map(int, found[-1]))
    assert values.unaccounted == 0
    assert values.total == values.free + values.used + values.firmware + values.low
    return values


class Running(Qemu):
    """A booted machine: with Running(append=...) as keel: keel.wait("keel: ready"); keel.type("mem").

    It starts where the firmware would look for something to start, from a snapshot of its shape (snapshot.py); with
    fresh=True, or where a snapshot cannot serve, from its reset.
    """

    def __init__(self, append="", fresh=False, **wishes):
        super().__init__(machine.Machine(headless=True, command_line=append, **wishes))
        self.fresh = fresh or not snapshot.serves(self.wished)

    def start(self, directory):
        self.wished.prepare(directory)
        if self.fresh:
            super().start(directory)
            self.begun()
        else:
            snapshot.start(self, directory)

    def begun(self):
        """For who wants to be there from the beginning: the machine runs, and nothing of its disk has."""

    def ready(self):
        return self.wait(r"^keel: ready ", seconds=BOOT_SECONDS)

    def command(self, text, answer):
        """Types a line at the monitor over serial and waits for its answer."""
        start = self.mark()
        self.send(text + "\r")
        return self.wait(answer, start)

    def keys(self, *changes):
        """Keys go down and up, all at once: ("a", True), ("a", False) (QEMU's names: a, ret, spc, shift ...)."""
        self.qmp.command("input-send-event", events=[
            {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": name}}} for name, down in changes])

    def press(self, *keys):
        """Presses keys of the machine's own keyboard, one after the other; shift+a: the first is held meanwhile."""
        for key in keys:
            chord = key.split("+")
            self.wait_for_reader()
            # Down and up at once: between two commands the host may take its time, and the key would repeat.
            self.keys(*[(name, True) for name in chord], *[(name, False) for name in reversed(chord)])
            time.sleep(0.05)

    def wait_for_reader(self):
        """Until the kernel has read what the PS/2 keyboard has to say, which drops what is more than 16 bytes."""
        def status():
            answer = self.qmp.command("human-monitor-command", command_line="i /b 0x64")
            return int(answer.split("=")[1], 16)
        deadline = time.monotonic() + ANSWER_SECONDS
        while status() & 0x81 == 0x01:  # a byte waits, and there is a controller (which else reads as 0xFF)
            assert time.monotonic() < deadline, f"nobody reads the keyboard after:\n{self.output()[-4000:]}"
            time.sleep(0.02)

    def type_on_keyboard(self, text):
        names = {" ": "spc", "\n": "ret", "=": "equal", "-": "minus"}
        self.press(*(names.get(letter, letter) for letter in text))

    def idle(self):
        """For each CPU whether it stands in HLT, in the kernel's half of the addresses (firmware halts too)."""
        registers = self.qmp.command("human-monitor-command", command_line="info registers -a")
        found = re.findall(r"RIP=([0-9a-f]{16}).*?HLT=(\d)", registers, re.DOTALL)
        return [address.startswith("ffff") and halted == "1" for address, halted in found]

    def wait_until_idle(self, seconds=BOOT_SECONDS):
        """For machines without a serial line: waits until every CPU is idle in the kernel, for a while."""
        deadline, quiet = time.monotonic() + seconds, 0
        while quiet < 10:
            assert time.monotonic() < deadline, f"not idle within {seconds} s"
            time.sleep(0.2)
            quiet = quiet + 1 if self.idle() == [True] * self.wished.cpus else 0

    def screen(self, path):
        """What the machine's screen shows, as raw pixels, three bytes each."""
        self.qmp.command("screendump", filename=str(path))
        return Path(path).read_bytes().split(b"\n255\n", 1)[1]  # PPM: "P6\nWIDTH HEIGHT\n255\n", then pixels
