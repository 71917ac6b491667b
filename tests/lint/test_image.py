"""Tests of what image/esp and image/iso make: sound to every tool that looks at it, and the same each time."""

import os
import shutil
import struct
import subprocess
import sys
import time
import uuid
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "image"))

import machine

PLACES = os.environ["PATH"] + ":/usr/sbin:/sbin"  # where distributions keep partitioning tools
XORRISO = pytest.mark.skipif(not shutil.which("xorriso"), reason="without xorriso")


def made_by(maker, directory, ending):
    """The same image twice, some seconds of FAT's and ISO 9660's clocks apart."""
    images = [directory / f"{number}.{ending}" for number in (1, 2)]
    for path in images:
        subprocess.run([sys.executable, ROOT / "image" / maker, path, directory / "keel.efi"], check=True)
        if path is images[0]:
            time.sleep(2.1)
    return images


def tool(name, *arguments):
    """What the tool says; skips where there is none, or where what is to be looked at is not there."""
    path = shutil.which(name, path=PLACES)
    if not path:
        pytest.skip(f"without {name}")
    ran = subprocess.run([path, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def file_in_fat(image, name):
    return subprocess.run(["mtype", "-i", f"{image}@@{machine.esp_offset(image)}", name], check=True,
                          stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    made = tmp_path_factory.mktemp("images")
    (made / "keel.efi").write_bytes(os.urandom(200000))
    return made


@pytest.fixture(scope="module")
def image(directory):
    one, two = made_by("esp", directory, "img")
    return one, two


@pytest.fixture(scope="module")
def iso(directory):
    one, two = made_by("iso", directory, "iso")
    return one, two


def test_image_is_the_same_each_time(image):
    assert image[0].read_bytes() == image[1].read_bytes()


@XORRISO
def test_iso_is_the_same_each_time(iso):
    assert iso[0].read_bytes() == iso[1].read_bytes()


def test_image_has_a_sound_gpt(image):
    disk = image[0].read_bytes()
    last = len(disk) // 512 - 1
    assert disk[510:512] == b"\x55\xaa" and disk[450] == 0xEE
    for own, other in ((1, last), (last, 1)):
        header = disk[own * 512:own * 512 + 92]
        fields = struct.unpack("<8sIIIIQQQQ16sQIII", header)
        assert fields[0] == b"EFI PART" and fields[5:7] == (own, other)
        assert fields[3] == zlib.crc32(header[:16] + bytes(4) + header[20:])
        table = disk[fields[10] * 512:fields[10] * 512 + fields[11] * fields[12]]
        assert fields[13] == zlib.crc32(table)
        first, end = struct.unpack_from("<QQ", table, 32)
        assert uuid.UUID(bytes_le=table[:16]) == uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
        assert fields[7] <= first < end <= fields[8] and first * 512 == machine.ESP_OFFSET


def test_image_is_sound_to_partitioning_tools(image):
    assert "No problems found" in tool("sgdisk", "--verify", image[0])
    shown = tool("sgdisk", "--info=1", image[0])
    assert "(EFI system partition)" in shown and "Attribute flags: 0000000000000000" in shown


def fat_of(image, directory):
    """The file system alone, for tools that know nothing of partitions."""
    with open(image, "rb") as disk:
        disk.seek(machine.esp_offset(image))
        boot_sector = disk.read(512)
        sectors = struct.unpack_from("<H", boot_sector, 19)[0] or struct.unpack_from("<I", boot_sector, 32)[0]
        (directory / "fat").write_bytes(boot_sector + disk.read((sectors - 1) * 512))
    return directory / "fat"


def test_file_system_of_the_image_is_sound(image, tmp_path):
    said = tool("fsck.fat", "-n", "-v", fat_of(image[0], tmp_path))
    assert "32 bit entries" in said, "UEFI wants FAT32 on a fixed disk"


@XORRISO
def test_file_system_of_the_iso_is_sound(iso, tmp_path):
    assert "16 bit entries" in tool("fsck.fat", "-n", "-v", fat_of(iso[0], tmp_path))


@XORRISO
def test_iso_is_sound_to_partitioning_tools(iso):
    assert "No problems found" in tool("sgdisk", "--verify", iso[0])
    assert "(EFI system partition)" in tool("sgdisk", "--info=2", iso[0])


@XORRISO
def test_iso_boots_as_el_torito_and_is_called_keel(iso):
    """Ventoy and virtual machines look for a UEFI boot image in the catalogue; a plain file they do not start."""
    said = tool("xorriso", "-no_rc", "-indev", iso[0], "-report_el_torito", "plain", "-pvd_info")
    assert "Volume Id    : KEEL" in said
    entry = next(line.split() for line in said.splitlines() if line.startswith("El Torito boot img"))
    assert entry[6:9] == ["UEFI", "y", "none"]
    sectors, block = map(int, entry[-2:])
    assert block * 2048 == machine.esp_offset(iso[0]), "the catalogue and the GPT name one file system"
    assert sectors == len(fat_of(iso[0], iso[0].parent).read_bytes()) // 512 < 1 << 16


@XORRISO
def test_iso_shows_the_same_files_as_it_boots(iso, tmp_path):
    tool("xorriso", "-no_rc", "-osirrox", "on", "-indev", iso[0], "-extract", "/", tmp_path / "files")
    for name in ("EFI/BOOT/BOOTX64.EFI", "keel/cmdline.txt", "README.TXT"):
        assert (tmp_path / "files" / name).read_bytes() == file_in_fat(iso[0], f"::/{name}"), name


def test_readme_is_for_every_editor(image):
    text = file_in_fat(image[0], "::/README.TXT")
    lines = text.split(b"\r\n")
    assert lines[-1] == b"" and not any(b"\n" in line or b"\r" in line for line in lines)
    assert text.isascii() and max(map(len, lines)) <= 80
    for word in (b"report", b"map qr", b"photograph", b"writes to no disk", b"Secure Boot"):
        assert word in b" ".join(text.split()), word


@pytest.mark.parametrize("kind", ["img", pytest.param("iso", marks=XORRISO)])
def test_image_holds_the_kernel_and_takes_a_command_line(kind, directory, tmp_path, request):
    one, two = request.getfixturevalue("image" if kind == "img" else "iso")
    wished = machine.Machine(image=one, command_line='run="mem; poweroff"')
    wished.prepare(tmp_path)
    assert file_in_fat(wished.image, "::/EFI/BOOT/BOOTX64.EFI") == (directory / "keel.efi").read_bytes()
    assert file_in_fat(wished.image, "::/keel/cmdline.txt") == b'run="mem; poweroff"\n'
    assert one.read_bytes() == two.read_bytes(), "the image itself stays as it was"


def test_an_image_without_a_boot_volume_is_refused(tmp_path):
    for content in (b"", bytes(4096), bytes(512) + b"EFI PART" + b"\xff" * 84):
        (tmp_path / "not.img").write_bytes(content)
        with pytest.raises(machine.MachineError, match="no EFI system partition"):
            machine.esp_offset(tmp_path / "not.img")


@pytest.mark.parametrize("arguments", [["none/out", "keel.efi"], ["out", "none.efi"]], ids=["no folder", "no kernel"])
@pytest.mark.parametrize("maker", ["esp", pytest.param("iso", marks=XORRISO)])
def test_nothing_takes_the_name_when_it_fails(maker, arguments, directory):
    ran = subprocess.run([sys.executable, ROOT / "image" / maker, *arguments], cwd=directory, capture_output=True)
    assert ran.returncode != 0
    assert not (directory / "out").exists()
