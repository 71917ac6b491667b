"""Starts machines where the firmware is about to look for something to start: from a snapshot of a machine's shape.

A shape is everything that QEMU is told, but for the disk's file. The first machine of its shape boots
tests/firmware/loader.c, which waits on the serial line, and is saved there; later ones are that machine, with another
disk. Owns build/snapshots: what another QEMU, firmware or loader made there is never used, and what nobody used for a
while is removed.
"""

import contextlib
import copy
import fcntl
import functools
import hashlib
import os
import shlex
import shutil
import socket
import subprocess
import time

import machine
import qmp
from qemu import ANSWER_SECONDS, BOOT_SECONDS, Qemu

DIRECTORY = machine.ROOT / "build" / "snapshots"
LOADER = machine.ROOT / "build" / "loader.efi"

# How long a snapshot is kept after its last use; one of another QEMU or loader may still be in use by other tests.
KEPT_SECONDS = 7 * 24 * 3600
KEPT_OTHERS_SECONDS = 3600
DISK_BYTES = 1 << 20  # the disk while a snapshot is made; nobody reads it


def serves(wished):
    """Whether a machine can start from a snapshot: the loader needs OVMF's -kernel, and talks on the serial line.

    A snapshot has the variables in it that were there when it was taken.
    """
    return wished.firmware.name == "ovmf" and not wished.added("serial", "kernel") and not wished.variables


def start(qemu, directory, arguments=()):
    """Starts a machine from the snapshot of its shape and lets it look at its disk. `arguments` are of no shape."""
    qemu.wished.loader = LOADER
    path = of(qemu.wished)
    try:
        Qemu.start(qemu, directory, ["-incoming", "defer", *arguments])
        # Only now: a machine that resumed before we listen would never tell.
        qemu.qmp.command("migrate-incoming", uri=f"exec:cat {shlex.quote(str(path))}")
        qemu.qmp.wait("RESUME")
    except (AssertionError, OSError, qmp.QmpError) as error:
        raise AssertionError(f"{path} does not start; removed, it is made again: {error}: {qemu.words()}") from error
    qemu.begun()  # harness.Running: before the loader goes on
    qemu.send("\n")
    qemu.wait(r"^loader: starting the disk")


def of(wished):
    """The snapshot of that machine's shape, made now if there is none."""
    path = DIRECTORY / f"{tools()}-{shape(wished)}"
    if not path.exists():
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        with locked():
            if not path.exists():
                remove_stale()
                make(wished, path)
    os.utime(path)
    return path


@functools.lru_cache(maxsize=None)
def digest(*files):
    total = hashlib.sha256()
    for file in files:
        with open(file, "rb") as opened:
            total.update(hashlib.sha256(opened.read()).digest())
    return total.hexdigest()[:16]


@functools.lru_cache(maxsize=None)
def tools():
    """What every snapshot depends on: a name that changes with QEMU and with the loader."""
    version = subprocess.run([machine.qemu_program(), "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             check=True).stdout
    return hashlib.sha256(version + digest(LOADER).encode()).hexdigest()[:16]


def shape(wished):
    neutral = copy.copy(wished)
    neutral.image, neutral.serial = "disk", "serial"
    firmware = digest(*(file for file in (wished.firmware.code, wished.firmware.variables) if file))
    return hashlib.sha256("\0".join([firmware, *map(str, neutral.command())]).encode()).hexdigest()[:16]


@contextlib.contextmanager
def locked():
    """One snapshot is made at a time: two test processes may want the same one."""
    deadline = time.monotonic() + 2 * BOOT_SECONDS
    with open(DIRECTORY / "lock", "wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < deadline, f"{file.name} is held by another process"
                time.sleep(0.05)
        yield


def remove_stale():
    """Under the lock."""
    for path in DIRECTORY.iterdir():
        kept = KEPT_SECONDS if path.name.startswith(tools()) else KEPT_OTHERS_SECONDS
        if path.name != "lock" and time.time() - path.stat().st_mtime > kept:
            path.unlink()


def make(wished, path):
    """Under the lock. The file gets its name when it is whole."""
    blank, partial = path.with_suffix(".disk"), path.with_suffix(".partial")
    waiting = copy.copy(wished)
    waiting.image = blank
    try:
        with open(blank, "wb") as disk:
            disk.truncate(DISK_BYTES)
        with Qemu(waiting) as qemu:
            qemu.wait(r"^loader: waiting", seconds=BOOT_SECONDS)
            save(qemu, partial)
        partial.rename(path)
    finally:
        blank.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)


def save(qemu, path):
    address = f"{qemu.directory.name}/migration"
    with socket.socket(socket.AF_UNIX) as listener, open(path, "wb") as file:
        listener.settimeout(ANSWER_SECONDS)
        listener.bind(address)
        listener.listen(1)
        qemu.qmp.command("migrate", uri=f"unix:{address}")
        connection = listener.accept()[0]
        connection.settimeout(ANSWER_SECONDS)
        with connection, connection.makefile("rb") as stream:
            shutil.copyfileobj(stream, file)
    deadline = time.monotonic() + ANSWER_SECONDS
    while qemu.qmp.command("query-migrate")["status"] != "completed":
        assert time.monotonic() < deadline, f"no snapshot: {qemu.qmp.command('query-migrate')}: {qemu.words()}"
        time.sleep(0.02)
