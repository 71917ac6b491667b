"""Starts Keel in QEMU for the boot tests, in two ways.

run() calls image/run, as a person does, and returns what it printed and its verdict: for boots that end by themselves.
Running is a machine to talk to: serial lines, keys, QMP. Both have a deadline on every wait; no test depends on how
fast anything is, only on it happening at all.
"""

import re
import socket
import subprocess
import tempfile
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest

import machine
import qmp
from firmware import FirmwareError, find

# A boot takes 4-6 s without virtualisation on an idle machine; these are for busy ones.
BOOT_SECONDS = 120
ANSWER_SECONDS = 40

Ended = namedtuple("Ended", "status text messages")

LEDGER = re.compile(r"^ledger: total=(\d+) free=(\d+) used=(\d+) firmware=(\d+) low=(\d+) reclaimed=(\d+) "
                    r"unaccounted=(-?\d+)\s*$", re.MULTILINE)
Ledger = namedtuple("Ledger", "total free used firmware low reclaimed unaccounted")


def run(append, memory="512M", cpus=2, firmware="ovmf", extra=(), seconds=BOOT_SECONDS):
    """One boot through image/run, from start to verdict."""
    if firmware == "uboot":
        skip_without_uboot()
    command = [machine.ROOT / "image" / "run", "--headless", "--image", machine.IMAGE, "--memory", memory,
               "--cpus", str(cpus), "--firmware", firmware, "--append", append, "--timeout", str(seconds)]
    ran = subprocess.run([*command, "--", *extra], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=seconds + 60)
    return Ended(ran.returncode, plain(ran.stdout), plain(ran.stderr))


def skip_without_uboot():
    """Not every distribution has a U-Boot for QEMU; tests/run lists what was skipped. OVMF has no such excuse."""
    try:
        find("uboot")
    except FirmwareError as error:
        pytest.skip(str(error))


def plain(raw):
    """Serial output as lines of text: firmware's and the line editor's control sequences removed."""
    text = raw.decode(errors="replace").replace("\r", "")
    return re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]", "", text)


def ledger(text):
    """The ledger's line; the sums in it are checked here, since no ledger may print anything else."""
    found = LEDGER.findall(text)
    assert found, f"no ledger line in:\n{text}"
    values = Ledger(*map(int, found[-1]))
    assert values.unaccounted == 0
    assert values.total == values.free + values.used + values.firmware + values.low
    return values


class Running:
    """A booted machine: with Running(append=...) as keel: keel.wait("keel: ready"); keel.type("mem")."""

    def __init__(self, append="", **wishes):
        self.wished = machine.Machine(headless=True, command_line=append, **wishes)
        self.text = b""
        self.changed = threading.Condition()
        self.process = None

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="keel-")
        try:
            self.start(Path(self.directory.name))
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, directory):
        line = socket.socket(socket.AF_UNIX)
        line.bind(str(directory / "serial"))
        line.listen(1)
        line.settimeout(20)
        self.wished.serial = f"unix:{directory / 'serial'}"
        self.wished.prepare(directory)
        listener = qmp.Listener(directory / "qmp")
        command = [*self.wished.command(), *listener.arguments(), "-monitor", "none"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.qmp = listener.accept(alive=lambda: self.process.poll() is None)
        assert self.qmp, "QEMU did not start"
        if not self.wished.added("serial"):
            self.serial = line.accept()[0]
            threading.Thread(target=self.collect, daemon=True).start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.directory.cleanup()

    def collect(self):
        while True:
            try:
                part = self.serial.recv(4096)
            except OSError:
                part = b""
            with self.changed:
                self.text += part
                self.changed.notify_all()
            if not part:
                return

    def output(self, start=0):
        return plain(self.text[start:])

    def wait(self, pattern, start=0, seconds=ANSWER_SECONDS):
        """Waits until the regular expression stands in what was printed from `start` on; returns the match."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                match = re.search(pattern, self.output(start), re.MULTILINE)
                if match:
                    return match
                left = deadline - time.monotonic()
                assert left > 0, f"{pattern!r} did not come within {seconds} s after:\n{self.output(start)[-4000:]}"
                self.changed.wait(min(left, 1))

    def ready(self):
        return self.wait(r"^keel: ready ", seconds=BOOT_SECONDS)

    def mark(self):
        """Where the output stands now: a start for wait()."""
        return len(self.text)

    def send(self, text):
        self.serial.sendall(text.encode())

    def command(self, text, answer):
        """Types a line at the monitor over serial and waits for its answer."""
        start = self.mark()
        self.send(text + "\r")
        return self.wait(answer, start)

    def press(self, *keys):
        """Presses keys of the machine's own keyboard, one after the other (QEMU's names: a, ret, spc, shift-a ...)."""
        for key in keys:
            chord = [{"type": "qcode", "data": name} for name in key.split("+")]
            self.qmp.command("send-key", keys=chord)
            time.sleep(0.05)  # QEMU holds a key for 100 ms and queues what follows; do not overrun its queue of 16

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

    def ended(self, seconds=ANSWER_SECONDS):
        """Waits for QEMU's end; its exit status and why the machine stopped."""
        status = self.process.wait(seconds)
        self.qmp.drain()
        return status, self.qmp.shutdown_reason()
