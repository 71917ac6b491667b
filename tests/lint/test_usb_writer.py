"""Tests of image/usb, which can destroy a disk: what it refuses, what it asks, and that it believes no write.

lsblk and diskutil are faked, so that any disk can be described; what is really written to is a file, or, where root
permits, a loop device. Nothing here names a disk of this machine.
"""

import copy
import importlib.machinery
import importlib.util
import json
import os
import plistlib
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
USB = ROOT / "image" / "usb"
IMAGE_BYTES = 3 << 20

STICK = {"path": "/dev/sdx", "type": "disk", "size": 15631122432, "log-sec": 512, "rm": True, "ro": False,
         "tran": "usb", "model": "Cruzer Blade ", "label": None, "fstype": None, "mountpoint": None, "pkname": None,
         "children": [{"path": "/dev/sdx1", "type": "part", "size": 15630073856, "log-sec": 512, "rm": True,
                       "ro": False, "tran": None, "model": None, "label": "HOLIDAYS", "fstype": "vfat",
                       "mountpoint": None, "pkname": "sdx"}]}


def stick(part=None, **changes):
    changed = copy.deepcopy(STICK) | changes
    changed["children"][0] |= part or {}
    return changed


@pytest.fixture
def writer():
    loader = importlib.machinery.SourceFileLoader("image_usb", str(USB))
    loaded = importlib.util.module_from_spec(importlib.util.spec_from_loader("image_usb", loader))
    loader.exec_module(loaded)
    return loaded


class Desk:
    """A folder with an image, a fake lsblk, and something at the place of the device that nobody can write to."""

    def __init__(self, directory):
        self.directory = directory
        self.image, self.device = directory / "keel.img", directory / "device"
        self.image.write_bytes(os.urandom(IMAGE_BYTES))
        self.device.mkdir()
        (directory / "bin").mkdir()
        self.described()

    def described(self, *devices, status=0):
        """What lsblk says from now on."""
        tool = self.directory / "bin" / "lsblk"
        said = json.dumps({"blockdevices": list(devices)})
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\nexit {status}\n")
        tool.chmod(0o755)

    def run(self, *arguments, **settings):
        settings.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([sys.executable, USB, "--image", self.image, *arguments], capture_output=True, text=True,
                              timeout=120, env=dict(os.environ, PATH=f"{self.directory}/bin:{os.environ['PATH']}"),
                              **settings)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


REFUSALS = [
    ("no disk", [], 0, "is not a disk"),
    ("lsblk fails", [STICK], 1, "is not a disk"),
    ("mounted", [stick({"mountpoint": "/media/me/HOLIDAYS"})], 0, "/dev/sdx1 is in use (/media/me/HOLIDAYS)"),
    ("mounted as a whole", [stick(mountpoint="/mnt")], 0, "/dev/sdx is in use (/mnt)"),
    ("swap", [stick({"mountpoint": "[SWAP]"})], 0, "in use ([SWAP])"),
    ("encrypted and open", [stick({"children": [dict(STICK["children"][0], path="/dev/mapper/a", type="crypt")]})], 0,
     "/dev/mapper/a is in use (crypt)"),
    ("inside the machine", [stick(rm=False, tran="nvme")], 0, "cannot be pulled out"),
    ("older lsblk, inside", [stick(rm="0", tran="sata")], 0, "cannot be pulled out"),
    ("no bus known", [stick(rm=False, tran=None, model=None)], 0, "(unknown model, no bus known) cannot be pulled"),
    ("a partition", [dict(STICK["children"][0], rm=True)], 0, "not a whole disk, but part of sdx"),
    ("a loop device", [stick(type="loop", rm=True)], 0, "a loop device, not a disk"),
    ("write-protected", [stick(ro=True)], 0, "write-protected"),
    ("older lsblk, protected", [stick(ro="1")], 0, "write-protected"),
    ("too small", [stick(size=IMAGE_BYTES - 512)], 0, "too small: it holds 3.0 MiB"),
    ("an empty slot", [stick(size=0)], 0, "there is no stick or card in it"),
    ("large sectors", [stick(**{"log-sec": 4096})], 0, "sectors of 4096 bytes"),
]


@pytest.mark.parametrize("devices, status, message", [case[1:] for case in REFUSALS],
                         ids=[case[0] for case in REFUSALS])
def test_refuses_and_says_why(devices, status, message, desk):
    desk.described(*devices, status=status)
    ran = desk.run("--yes", desk.device)
    assert ran.returncode == 1 and ran.stderr.startswith("image/usb: ") and message in ran.stderr, ran.stderr
    assert "Traceback" not in ran.stderr and "wrote" not in ran.stdout


def test_refuses_what_is_no_device(desk):
    file = desk.directory / "file"
    file.write_bytes(b"mine")
    for device, message in ((file, "is a file, not a disk"), (desk.directory / "none", "no such device"),
                            ("/dev/null", "is not a disk")):
        ran = desk.run("--yes", device)
        assert ran.returncode == 1 and message in ran.stderr, ran.stderr
    assert file.read_bytes() == b"mine"


def test_refuses_without_an_image_or_a_tool(desk):
    desk.described(STICK)
    ran = desk.run("--yes", desk.device, "--image", "none.img")
    assert ran.returncode == 1 and "none.img is missing: build it first" in ran.stderr
    ran = subprocess.run([sys.executable, USB, "--image", desk.image, desk.device], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL, env={"PATH": "/nowhere"})
    assert ran.returncode == 1 and "lsblk not found" in ran.stderr


def test_shows_what_is_on_it_and_refuses_when_nobody_can_answer(desk, writer, capsys):
    disk = writer.disk_of_lsblk(STICK)
    writer.check(disk, IMAGE_BYTES)
    writer.show(disk)
    shown = capsys.readouterr().out
    for words in ("/dev/sdx", "14.6 GiB", "Cruzer Blade", "usb", "/dev/sdx1", "vfat", "HOLIDAYS"):
        assert words in shown
    target = desk.directory / "stick"
    target.write_bytes(bytes(IMAGE_BYTES))
    ran = desk.run("--file", target)
    assert ran.returncode == 1 and "--yes" in ran.stderr and target.read_bytes() == bytes(IMAGE_BYTES)


def test_says_how_to_become_root(writer, monkeypatch):
    def denied(*_):
        raise PermissionError
    monkeypatch.setattr(writer.os, "open", denied)
    monkeypatch.setattr(sys, "argv", ["image/usb", "/dev/sdx"])
    with pytest.raises(writer.Refused, match="sudo image/usb /dev/sdx"):
        writer.open_device("/dev/sdx", os.O_WRONLY)


def test_lists_sticks_only(desk):
    desk.described(STICK, stick(path="/dev/nvme0n1", rm=False, tran="nvme"), stick(path="/dev/sr0", size=0))
    ran = desk.run()
    assert ran.returncode == 0 and "/dev/sdx " in ran.stdout and "HOLIDAYS" in ran.stdout
    assert "nvme" not in ran.stdout and "sr0" not in ran.stdout
    desk.described()
    assert "No stick" in desk.run().stdout


def test_writes_and_leaves_the_rest_alone(desk):
    target = desk.directory / "stick"
    target.write_bytes(b"\xa5" * (IMAGE_BYTES + 12345))
    ran = desk.run("--file", "--yes", target)
    assert ran.returncode == 0, ran.stderr
    assert target.read_bytes() == desk.image.read_bytes() + b"\xa5" * 12345
    assert "wrote 3 MiB" in ran.stdout and "verified 3 MiB" in ran.stdout and "boot menu" in ran.stdout


@pytest.mark.parametrize("answer, written", [("stick", True), ("sda", False), ("yes", False), ("", False)])
def test_asks_for_the_name(answer, written, desk):
    target = desk.directory / "stick"
    target.write_bytes(bytes(IMAGE_BYTES))
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"no terminals can be made here: {error}")
    with os.fdopen(ours, "wb", buffering=0) as terminal:
        terminal.write(answer.encode() + b"\n")
        ran = desk.run("--file", target, stdin=theirs)
        os.close(theirs)
    assert "Type stick to overwrite it" in ran.stdout
    assert (ran.returncode == 0) == written == (target.read_bytes() == desk.image.read_bytes()), ran.stderr


def run_in_here(writer, monkeypatch, desk, **replaced):
    """main() in this process, with calls of the system's replaced; its exit status or message."""
    target = desk.directory / "stick"
    target.write_bytes(bytes(IMAGE_BYTES))
    for name, function in replaced.items():
        monkeypatch.setattr(writer.os, name, function)
    monkeypatch.setattr(sys, "argv", ["image/usb", "--file", "--yes", "--image", str(desk.image), str(target)])
    monkeypatch.setattr(writer.signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        writer.main()
    return ended.value.code


def test_a_stick_that_lies_is_found(writer, monkeypatch, desk):
    """Counterfeit sticks take every write and keep some: only reading tells."""
    write = os.write

    def forgets(descriptor, data):
        return write(descriptor, bytes(len(data) - 1) + b"!" if data[:16] == kept[1 << 20:][:16] else data)
    kept = desk.image.read_bytes()
    said = run_in_here(writer, monkeypatch, desk, write=forgets)
    assert "does not hold what was written to it, between 1 and 2 MiB" in said


def test_a_stick_that_fails_is_named(writer, monkeypatch, desk):
    def fails(*_):
        raise OSError(5, "Input/output error")
    assert "Input/output error: it may hold half an image" in run_in_here(writer, monkeypatch, desk, fsync=fails)


def test_interrupted_says_what_the_stick_is_now(writer, monkeypatch, desk, capsys):
    def interrupts(*_):
        raise KeyboardInterrupt
    assert run_in_here(writer, monkeypatch, desk, fsync=interrupts) == 130
    assert "stick may hold half an image" in capsys.readouterr().err
    assert run_in_here(writer, monkeypatch, desk, open=interrupts) == 130
    assert "nothing was written" in capsys.readouterr().err


# ---- A real block device, described as a stick ----


@pytest.fixture
def loop(tmp_path):
    if os.geteuid() != 0 or not shutil.which("losetup"):
        pytest.skip("a loop device needs root and losetup")
    backing = tmp_path / "backing"
    backing.write_bytes(b"\xa5" * (IMAGE_BYTES + (1 << 20)))
    made = subprocess.run(["losetup", "--find", "--show", backing], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no loop device: {made.stderr.strip()}")
    yield made.stdout.strip()
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


def test_writes_to_a_block_device(desk, loop):
    desk.described(stick(path=loop, size=IMAGE_BYTES + (1 << 20)))
    ran = desk.run("--yes", loop)
    assert ran.returncode == 0, ran.stderr
    with open(loop, "rb") as device:
        assert device.read(IMAGE_BYTES) == desk.image.read_bytes() and device.read(1) == b"\xa5"


def test_a_block_device_that_somebody_has_is_refused(desk, loop):
    """lsblk may not know who; the system does."""
    desk.described(stick(path=loop, size=IMAGE_BYTES + (1 << 20)))
    holder = os.open(loop, os.O_RDONLY | os.O_EXCL)
    try:
        ran = desk.run("--yes", loop)
    finally:
        os.close(holder)
    assert ran.returncode == 1 and "busy" in ran.stderr, ran.stderr
    with open(loop, "rb") as device:
        assert device.read(IMAGE_BYTES) == b"\xa5" * IMAGE_BYTES


def test_real_lsblk_is_understood(loop):
    """What it says of a device that is there; it is no stick, and refused for that."""
    ran = subprocess.run([sys.executable, USB, "--yes", loop, "--image", USB], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL)
    assert ran.returncode == 1 and "a loop device, not a disk" in ran.stderr, ran.stderr


# ---- macOS, as its manual describes it ----

INFORMATION = {"DeviceIdentifier": "disk4", "TotalSize": 15631122432, "DeviceBlockSize": 512, "MediaName": "Cruzer",
               "BusProtocol": "USB", "WholeDisk": True, "ParentWholeDisk": "disk4", "WritableMedia": True,
               "RemovableMediaOrExternalDevice": True}
LISTED = {"AllDisksAndPartitions": [{"DeviceIdentifier": "disk4", "Size": 15631122432, "Partitions": [
    {"DeviceIdentifier": "disk4s1", "Size": 15630073856, "Content": "DOS_FAT_32", "VolumeName": "HOLIDAYS"}]}]}


def on_macos(writer, monkeypatch, mounted=None, **changes):
    listed = copy.deepcopy(LISTED)
    listed["AllDisksAndPartitions"][0]["Partitions"][0] |= {"MountPoint": mounted} if mounted else {}
    answers = {"info": INFORMATION | changes, "list": listed}
    monkeypatch.setattr(writer.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(writer, "answer_of", lambda tool, verb, *rest: plistlib.dumps(answers[verb]))
    return writer.disks("/dev/disk4")[0]


def test_macos_stick_is_described(writer, monkeypatch, capsys):
    disk = on_macos(writer, monkeypatch)
    writer.check(disk, IMAGE_BYTES)
    writer.show(disk)
    assert disk.raw == "/dev/rdisk4" and "HOLIDAYS" in capsys.readouterr().out


@pytest.mark.parametrize("changes, message", [
    (dict(mounted="/Volumes/HOLIDAYS"), "/dev/disk4s1 is in use"),
    (dict(WholeDisk=False), "part of disk4"),
    (dict(RemovableMediaOrExternalDevice=False, BusProtocol="PCI-Express"), "cannot be pulled out"),
    (dict(WritableMedia=False), "write-protected"),
    (dict(TotalSize=512), "too small"),
], ids=lambda value: "" if isinstance(value, dict) else value)
def test_macos_refusals(changes, message, writer, monkeypatch):
    with pytest.raises(writer.Refused, match=message):
        writer.check(on_macos(writer, monkeypatch, **changes), IMAGE_BYTES)
