"""What people put the image and the disc on, booted by real firmware: one row a medium, and each says why it exists."""

import os
import re
import shutil
import struct
import subprocess

import pytest

import harness
import volume

ISO = harness.machine.ROOT / "build" / "keel.iso"


class Medium:
    """path: what is on it. disk: how the machine has it (image/machine.py, DISKS). why: the reason for the row.

    seen: what firmware's name for it has.
    """

    def __init__(self, path, disk, why, seen, extra=()):
        self.name = f"{path.suffix[1:]}-{disk}"
        self.path, self.disk, self.why, self.seen, self.extra = path, disk, why, seen, extra
        self.marks = [pytest.mark.skipif(path == ISO and not shutil.which("xorriso"), reason="without xorriso")]


MEDIA = [
    Medium(harness.machine.IMAGE, "usb", "a stick on USB 3, and nothing else: what most people have",
           r"/USB\(", ["-machine", "i8042=off"]),
    Medium(harness.machine.IMAGE, "usb2", "a stick in an older laptop: its EHCI controller is left running", r"/USB\("),
    Medium(harness.machine.IMAGE, "nvme", "the disk of today's laptops; its controller is left running", r"/NVMe\("),
    Medium(harness.machine.IMAGE, "virtio", "the disk of virtual machines", r"/Pci\(0x2,0x0\)"),
    Medium(harness.machine.IMAGE, "sata", "AHCI, the disk of yesterday's laptops", r"/Sata\("),
    Medium(ISO, "cdrom", "a disc, by El Torito: virtual machines, and what Ventoy makes of the file", r"/Sata\("),
    Medium(ISO, "usb", "the disc image written to a stick: by its GPT", r"/USB\("),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name, marks=row.marks) for row in MEDIA])
def test_boots_from(row):
    ended = harness.run('run="mem; pci; poweroff"', image=row.path, disk=row.disk, extra=row.extra)
    assert re.search(rf"^BdsDxe: starting Boot\d+ .*{row.seen}", ended.text, re.MULTILINE), ended.text[:4000]
    assert re.search(r"^keel: ready ", ended.text, re.MULTILINE), ended.text[-4000:]
    assert "panic:" not in ended.text
    harness.ledger(ended.text)
    assert ended.status == 0, ended.messages


def test_boots_from_a_stick_larger_than_the_image(tmp_path):
    """As all are: the second GPT then stands in the middle, and what the stick's end had before is still there."""
    stick = tmp_path / "stick"
    harness.machine.copy_sparse(harness.machine.IMAGE, stick)
    with open(stick, "r+b") as disk:
        disk.truncate(8 << 30)
        disk.seek(-512, os.SEEK_END)
        disk.write(b"EFI PART".ljust(512, b"\xa5"))  # of somebody's GPT, and no longer true
    ended = harness.run('run="mem; poweroff"', image=stick, disk="usb")
    assert re.search(r"^BdsDxe: starting Boot\d+ .*/USB\(", ended.text, re.MULTILINE), ended.text[:4000]
    harness.ledger(ended.text)
    assert ended.status == 0, ended.messages


def test_boots_from_a_stick_with_files_only(tmp_path):
    """Who has no tool for images copies one file onto a stick as it was sold: FAT32 on an MBR partition."""
    stick, first, sectors = tmp_path / "stick", 2048, 100 * 2048
    record = struct.pack("<B3sB3sII", 0, b"\x20\x21\x00", 0x0C, b"\xff\xff\xff", first, sectors)  # FAT32, by LBA
    with open(stick, "wb") as disk:
        disk.write(bytes(446) + record + bytes(48) + b"\x55\xaa")
        disk.truncate((first + sectors) * 512)
    volume.write(stick, harness.machine.ROOT / "build" / "keel.efi", sectors, first, ["-F"])
    text = tmp_path / "cmdline.txt"
    text.write_text('run="mem; poweroff"\r\n')
    subprocess.run(["mcopy", "-o", "-i", f"{stick}@@{first * 512}", text, "::/keel/cmdline.txt"], check=True)
    with harness.Running(append=None, image=stick, disk="usb", fresh=True) as keel:
        status, _ = keel.ended(harness.BOOT_SECONDS)
        harness.ledger(keel.output())
        assert status == 0
