"""Secure Boot: firmware that enforces it starts the signed kernel, and no other.

The firmware trusts one key, Debian's snakeoil, to which everybody has the private half. It keeps its variables in SMM,
so its memory map is one that no other row has. Whatever key or firmware a person has set is left out here.
"""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from test_crash import left_text, panic_text

ROOT = harness.machine.ROOT
KERNEL = ROOT / "build" / "keel.efi"
FIRMWARE = "ovmf-secure"
SHIM = Path("/usr/lib/shim/shimx64.efi")  # Debian's package shim-unsigned

SETTINGS = ("OVMF_CODE", "OVMF_VARS", "KEEL_KEY", "KEEL_CERT", "KEEL_PASSPHRASE")
# image-alias: our own image is nobody's to hand out, which a sweep over a map out of order forgets
COMMANDS = ('run="map; mem; frames; test image-alias; vars SecureBoot; vars set Keel kept; vars Keel; '
            'poweroff"')

# UEFI 2.10, 3.3: boot-services and run-time access, one byte, 1 where the firmware refuses what is not signed
ENFORCED = (r"^8be4df61-93ca-11d2-aa0d-00e098032b8c +1 SecureBoot\s*\n"
            r"attributes 0x6, 1 bytes\s*\n0000 +01 ")
# Through SMM, whose handler follows no high address: set, and read again
KEPT = r"^vars: Keel set\s*\n.*\n\S+ +4 Keel\s*\nattributes 0x7, 4 bytes\s*\n0000 +6b 65 70 74"
REFUSED = r'^BdsDxe: failed to (?:load|start) Boot\d+ ".*HARDDISK.*: (?:Access Denied|Security Violation)\s*$'
NOTHING_STARTED = r"^BdsDxe: No bootable option or device was found"


@pytest.fixture(autouse=True)
def enforcing_firmware(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    try:
        harness.find(FIRMWARE)
    except harness.FirmwareError as error:
        pytest.skip(str(error))


def program(name, *arguments):
    subprocess.run([sys.executable, ROOT / "image" / name, *arguments], stdin=subprocess.DEVNULL, check=True,
                   timeout=60)


def signed(directory, *key):
    kernel = directory / "signed.efi"
    program("sign", KERNEL, kernel, *key)
    return kernel


def image_with(kernel, directory):
    image = directory / "secure.img"
    program("esp", image, kernel)
    return image


RESERVED = 0  # UEFI 2.10, 7.2: EfiReservedMemoryType


def check_map(text):
    """That the firmware's map is of the kind that this machine is here for, and what became of it."""
    lines = [(int(kind), int(start, 16), int(pages))
             for kind, start, pages in re.findall(r"^(\d+) 0x([0-9a-f]+) (\d+) 0x", text, re.M)]
    starts = [start for _, start, _ in lines]
    assert starts != sorted(starts), "this firmware's map is known to be unsorted"
    assert re.search(r"^mended: \d+ out of order, sorted", text, re.M), text
    assert any(kind == RESERVED and 0 < start < 0xA0000 for kind, start, _ in lines), "SMM is known to keep an island"
    reserved = sum(pages for kind, _, pages in lines if kind == RESERVED)
    assert re.search(rf"^listed: reserved={reserved}\b", text, re.M), text
    lowest = re.search(r"^lowest free frame: 0x([0-9a-f]+)", text, re.M)
    assert int(lowest.group(1), 16) >= 1 << 20


@pytest.mark.parametrize("cpus, built", [(2, True), (4, False)], ids=["built-2cpu", "image-4cpu"])
@pytest.mark.quirk("A11", outcome="boots; sorted, and every page accounted for", row="Secure Boot with SMM")
@pytest.mark.quirk("C50", outcome="boots; SMM stores a variable", row="Secure Boot with SMM")
@pytest.mark.quirk("B24", outcome="boots; the islands stay reserved", row="Secure Boot with SMM")
def test_signed_boots(cpus, built, tmp_path):
    """As a person does it: image/run signs what it builds, and boots an image that was signed as it is."""
    command = [ROOT / "image" / "run", "--headless", "--firmware", FIRMWARE, "--cpus", str(cpus), "--append", COMMANDS,
               "--timeout", str(harness.BOOT_SECONDS)]
    image = [] if built else ["--image", image_with(signed(tmp_path), tmp_path)]
    ran = subprocess.run([*command, *image], stdin=subprocess.DEVNULL, capture_output=True,
                         timeout=harness.BOOT_SECONDS + 60)
    text, messages = harness.plain(ran.stdout), harness.plain(ran.stderr)
    assert ran.returncode == 0, text + messages
    assert "image/sign:" not in messages, "sbsign signs our PE without a warning"
    assert re.search(ENFORCED, text, re.M), "firmware that does not enforce proves nothing\n" + text
    assert re.search(rf"^keel: ready cpus={cpus} ", text, re.M), text
    assert re.search(KEPT, text, re.M), text
    assert "panic:" not in text
    assert re.search(r"^frame-check: ok\s*$", text, re.M), text
    assert re.search(r"^ok \d+ (?:- )?image-alias\s*$", text, re.M), text
    harness.ledger(text)
    check_map(text)


def test_panic_is_shown_by_the_next_boot(tmp_path):
    """Variables are SMM's here, into which CPUs have to come that stand in an NMI's handler."""
    wishes = {"fresh": True, "image": image_with(signed(tmp_path), tmp_path), "firmware_name": FIRMWARE, "cpus": 2,
              "variables": tmp_path / "variables"}
    first = harness.boot('run="fault page 1"', **wishes)
    assert first.status == 1 and re.search(r"^crash: saved; ", first.text, re.M), first.text[-3000:]
    second = harness.boot('run="vars SecureBoot; vars KeelCrash; poweroff"', **wishes)
    assert re.search(ENFORCED, second.text, re.M), second.text[-3000:]
    assert left_text(second.text) == panic_text(first.text)
    assert "vars: 0 found" in second.text, "it is out of the store"


def check_refused(kernel, directory):
    image = image_with(kernel, directory)
    with harness.Running(append="", fresh=True, image=image, firmware_name=FIRMWARE, cpus=2) as keel:
        keel.wait(REFUSED, seconds=harness.BOOT_SECONDS)
        keel.wait(NOTHING_STARTED, seconds=harness.BOOT_SECONDS)
        assert "keel:" not in keel.output()


def test_unsigned_is_refused(tmp_path):
    check_refused(KERNEL, tmp_path)


def text_section(image):
    """(where it is in the file, its bytes): Microsoft, PE Format, Section Table."""
    header = image.index(b".text\0\0\0")
    size_bytes, offset = struct.unpack_from("<II", image, header + 16)
    return offset, size_bytes


def test_tampered_is_refused(tmp_path):
    """One bit of the code, after it was signed."""
    kernel = signed(tmp_path)
    image = bytearray(kernel.read_bytes())
    offset, size_bytes = text_section(image)
    image[offset + size_bytes // 2] ^= 1
    kernel.write_bytes(image)
    check_refused(kernel, tmp_path)


def make_key(directory):
    key, certificate = directory / "other.key", directory / "other.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Somebody",
                    "-keyout", key, "-out", certificate], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return key, certificate


def test_signed_by_another_key_is_refused(tmp_path):
    """A good signature, of somebody whom the firmware does not know."""
    key, certificate = make_key(tmp_path)
    check_refused(signed(tmp_path, "--key", key, "--cert", certificate), tmp_path)


@pytest.mark.long
@pytest.mark.skipif(not SHIM.is_file(), reason="without Debian's package shim-unsigned")
def test_shim_starts_it(tmp_path):
    """shim's loader is not the firmware's: it wants .sbat, and it leaves out discardable sections."""
    image = image_with(KERNEL, tmp_path)
    program("sign", SHIM, tmp_path / "shim.efi")
    for kernel, name in ((tmp_path / "shim.efi", "BOOTX64.EFI"), (signed(tmp_path), "grubx64.efi")):
        subprocess.run(["mcopy", "-o", "-i", f"{image}@@{harness.machine.ESP_OFFSET}", kernel, f"::/EFI/BOOT/{name}"],
                       stdin=subprocess.DEVNULL, check=True)
    with harness.Running(append=COMMANDS, fresh=True, image=image, firmware_name=FIRMWARE, cpus=2) as keel:
        keel.ready()
        keel.wait(ENFORCED, seconds=harness.BOOT_SECONDS)
        assert keel.ended() == (0, "guest-shutdown")
        harness.ledger(keel.output())
