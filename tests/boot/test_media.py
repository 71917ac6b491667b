"""What people put the image and the disc on, booted by real firmware: one row a medium, and each says why it exists."""

import re
import shutil

import pytest

import harness

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
