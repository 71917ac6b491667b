"""The firmware's tables in boot-services memory, byte for byte: seen from outside, when all other memory has been used.

The adversary tells at the exit where each piece lies and its CRC-32. Then the kernel reclaims boot services and runs
its tests, one of which writes on every free frame; then QEMU shows what those bytes are now.
"""

import re
import zlib

import pytest

import harness
from rows.tables import MOVABLE

PIECE = re.compile(r"^adversary: kept (\S+) at 0x([0-9a-f]+) bytes=(\d+) crc=([0-9a-f]{8})\s*$", re.M)
PIECES = {"RSDP", "XSDT", "FACP", "FACS", "DSDT", "APIC", "BGRT", "picture", "_SM3_", "SMBIOS", "attributes", "ESRT",
          "properties", "TPM", "unknown"}


def crc_now(keel, address, size_bytes, path):
    keel.qmp.command("pmemsave", val=address, size=size_bytes, filename=str(path))
    return zlib.crc32(path.read_bytes())


@pytest.mark.quirk("B37", outcome="boots; no byte of a table has changed")
def test_tables_stay_as_they_were(image_of, tmp_path):
    """B37: ACPI with a BGRT and its picture, SMBIOS, ESRT, a TPM's log, UEFI's own tables, one that nobody knows."""
    script = "; ".join(["runtime-supported 0x3fff", *(f"table-moved {name}" for name in MOVABLE)])
    with harness.Running(image=image_of(script), append="", cpus=2) as keel:
        keel.ready()
        keel.command("test all", r"^# \d+ passed, 0 failed")
        pieces = PIECE.findall(keel.output())
        assert PIECES <= {name for name, *_ in pieces}
        changed = [name for name, address, size_bytes, crc in pieces
                   if crc_now(keel, int(address, 16), int(size_bytes), tmp_path / "piece") != int(crc, 16)]
        assert not changed
