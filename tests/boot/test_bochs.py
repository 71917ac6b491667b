"""A second emulator: Bochs has what QEMU's translation has not, and firmware may leave on: CET, and x2APIC mode.

It is slow and one CPU, and its firmware finds neither ACPI's tables nor a frame buffer there. What it writes to the
serial line stands in a file, whole when it has ended.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import harness
import judge
import machine

BOCHS = shutil.which("bochs")
FIRMWARE = Path("/usr/share/ovmf/OVMF.fd")               # code and variables in one, up to 4 GiB
VGA_BIOS = Path("/usr/share/vgabios/vgabios.bin")
SECONDS = 400
CYLINDER_BYTES = 16 * 63 * 512

# Each line of the user manual's chapter 4.3
WISHES = """
display_library: rfb, options="timeout=0"
romimage: file={firmware}, address={address:#x}
vgaromimage: file={vga_bios}
cpu: model=tigerlake, count=1, ips=200000000, reset_on_triple_fault=0
megs: 512
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, mode=flat, path={disk}, cylinders={cylinders}, heads=16, spt=63
boot: disk
com1: enabled=1, mode=file, dev={serial}
log: {log}
panic: action=fatal
pci: enabled=1, chipset=i440fx
"""


def run(directory, image, append):
    """One boot, to its end; what was printed, and Bochs' own words."""
    wished = machine.Machine(image=image, command_line=append)
    wished.prepare(directory)
    cylinders = -(-wished.image.stat().st_size // CYLINDER_BYTES)
    os.truncate(wished.image, cylinders * CYLINDER_BYTES)
    wishes, serial, log = (directory / name for name in ("bochsrc", "serial", "log"))
    wishes.write_text(WISHES.format(firmware=FIRMWARE, address=(1 << 32) - FIRMWARE.stat().st_size, vga_bios=VGA_BIOS,
                                    disk=wished.image, cylinders=cylinders, serial=serial, log=log))
    # Debian's has a debugger, which is told to go on.
    subprocess.run([BOCHS, "-q", "-f", wishes], input=b"c\n", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=SECONDS, check=False)
    return harness.plain(serial.read_bytes()), log.read_text(errors="replace")


@pytest.mark.long
@pytest.mark.skipif(not (BOCHS and FIRMWARE.exists() and VGA_BIOS.exists()), reason="no Bochs, or no firmware for it")
@pytest.mark.quirk("C56", outcome="boots; off with the firmware's stack", row="Bochs")
@pytest.mark.quirk("D61", outcome="boots; x2APIC stays on", row="Bochs")
def test_cet_and_x2apic_left_on(tmp_path, image_of):
    """C56, D61: a jump to what is no ENDBR64 would be a #CP; registers of the APIC in memory would read as ones."""
    text, log = run(tmp_path, image_of("x2apic; exit controls"),
                    'run="cpus; test cpus-registers; mem; frames; poweroff"')
    judge.check_rules(text)
    assert re.search(r"^features: .* cet-ss cet-ibt", text, re.M), text[-4000:]
    assert re.search(r"^adversary: all of CR4 that this CPU has goes on", text, re.M), text[-4000:]
    assert "Endbranch is expected" not in log
    assert re.search(r"^cpus: 1 running, 0 missing, x2apic mode", text, re.M), text[-4000:]
    assert re.search(r"^ok 1 cpus-registers", text, re.M), text[-4000:]
    assert re.search(r"^frame-check: ok\s*$", text, re.M), text[-4000:]
    harness.ledger(text)
