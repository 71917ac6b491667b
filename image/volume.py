"""Keel's boot volume: the FAT file system that firmware looks for, the same on a stick and in an ISO.

    \\EFI\\BOOT\\BOOTX64.EFI   the kernel, under the name that firmware starts by itself (UEFI 2.10, 3.5.1.1)
    \\keel\\cmdline.txt        its command line, for a person to edit
    \\README.TXT              what this is: image/README.TXT

Owns what makes the bytes the same for the same kernel: the volume's number and all dates are fixed, or
SOURCE_DATE_EPOCH's. mtools writes the file system.
"""

import os
import subprocess
import tempfile
from pathlib import Path

SECTOR = 512
LABEL = "KEEL"
NUMBER = "4b65656c"
FIXED_DATE = "1704067200"     # 2024-01-01; FAT knows no year before 1980


def readme():
    """For people whose editor knows no other line ends."""
    return Path(__file__).with_name("README.TXT").read_bytes().replace(b"\n", b"\r\n")


def environment():
    """For programs that write dates."""
    return {"SOURCE_DATE_EPOCH": FIXED_DATE} | os.environ | {"TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"}


def mtools(*command):
    subprocess.run(command, check=True, env=environment(), stdin=subprocess.DEVNULL)


def write(path, kernel, sectors, first_sector=0, options=()):
    """Makes the volume in the file, from that sector on. options: mformat's, such as -F for FAT32."""
    volume = f"{path}@@{first_sector * SECTOR}"
    mtools("mformat", "-i", volume, *options, "-c", "1", "-T", str(sectors), "-h", "64", "-s", "32",
           "-H", str(first_sector), "-N", NUMBER, "-v", LABEL, "::")
    mtools("mmd", "-i", volume, "::/EFI", "::/EFI/BOOT", "::/keel")
    mtools("mcopy", "-i", volume, kernel, "::/EFI/BOOT/BOOTX64.EFI")
    with tempfile.TemporaryDirectory() as directory:
        for name, text in (("/keel/cmdline.txt", b"\r\n"), ("/README.TXT", readme())):
            source = Path(directory, "text")
            source.write_bytes(text)
            mtools("mcopy", "-i", volume, str(source), f"::{name}")
