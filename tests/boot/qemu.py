"""One QEMU of the boot tests: its process, what it prints on its first serial line, and QMP.

Owns the process and the directory of its sockets: both are gone when the `with` ends, however it ends. Every wait has a
deadline, and what QEMU itself complained of stands in every failure.
"""

import os
import re
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import qmp

# A boot takes 4-6 s without virtualisation on an idle machine; these are for busy ones.
BOOT_SECONDS = 120
ANSWER_SECONDS = 40


def plain(raw):
    """Serial output as lines of text: firmware's and the line editor's control sequences removed."""
    text = raw.decode(errors="replace").replace("\r", "")
    return re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]", "", text)


class Qemu:
    """A machine (image/machine.py) that runs: with Qemu(wished) as qemu: qemu.wait("BdsDxe")."""

    def __init__(self, wished):
        self.wished = wished
        self.text = b""
        self.closed = False  # QEMU let go of the serial line: no more text
        self.changed = threading.Condition()
        self.process = None
        self.collector = None

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="keel-")
        try:
            self.start(Path(self.directory.name))
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, directory, arguments=()):
        # A pipe, not a socket: QEMU writes single bytes, of which a socket takes some 280 before its reader comes, and
        # QEMU drops what is not taken.
        for name in ("serial.in", "serial.out"):
            os.mkfifo(directory / name)
        self.wished.serial = f"pipe:{directory / 'serial'}"
        listener = qmp.Listener(directory / "qmp")
        command = [*self.wished.command(), *listener.arguments(), "-monitor", "none", *arguments]
        with open(directory / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.qmp = listener.accept(alive=lambda: self.process.poll() is None)
        assert self.qmp, f"QEMU did not start: {self.words()}"
        if not self.wished.added("serial"):
            # QMP answers, so QEMU has opened both ends of both: neither of these waits for it.
            self.serial = open(directory / "serial.in", "wb", buffering=0)
            self.collector = threading.Thread(target=self.collect, args=[open(directory / "serial.out", "rb",
                                                                              buffering=0)], daemon=True)
            self.collector.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.directory.cleanup()

    def words(self):
        """What QEMU said of itself."""
        return Path(self.directory.name, "qemu.log").read_text(errors="replace").strip()

    def collect(self, pipe):
        with pipe:
            while not self.closed:
                part = pipe.read(65536)
                with self.changed:
                    self.text += part
                    self.closed = not part
                    self.changed.notify_all()

    def output(self, start=0):
        return plain(self.text[start:])

    def mark(self):
        """Where the output stands now: a start for wait()."""
        return len(self.text)

    def wait(self, pattern, start=0, seconds=ANSWER_SECONDS):
        """Waits until the regular expression stands in what was printed from `start` on; returns the match."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                match = re.search(pattern, self.output(start), re.MULTILINE)
                if match:
                    return match
                left = deadline - time.monotonic()
                assert not self.closed, (f"{pattern!r} did not come until QEMU ended, after:\n"
                                         f"{self.output(start)[-4000:]}\n{self.words()}")
                assert left > 0, f"{pattern!r} did not come within {seconds} s after:\n{self.output(start)[-4000:]}"
                self.changed.wait(min(left, 1))

    def send(self, text):
        self.serial.write(text.encode())

    def ended(self, seconds=ANSWER_SECONDS):
        """Waits for QEMU's end and for all that it printed; its exit status and why the machine stopped."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            registers = self.qmp.command("human-monitor-command", command_line="info registers -a")
            raise AssertionError(f"no end within {seconds} s after:\n{self.output()[-4000:]}\n{registers}") from None
        self.qmp.drain()
        if self.collector:
            self.collector.join(seconds)
        return status, self.qmp.shutdown_reason()
