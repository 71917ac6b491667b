"""Finds the firmware that QEMU is to start Keel with.

Owns the lists of places where distributions put OVMF and U-Boot. Writes nothing, and nothing that it finds may be
opened for writing: a variable store belongs to the system, not to us.

As a program: `image/firmware.py ovmf|ovmf-secure|uboot|PATH` prints what it found, or fails with what it looked for.
"""

import os
import shutil
import struct
import sys
from collections import namedtuple
from pathlib import Path

# code: the file that holds the firmware. variables: its variable store, or None where code goes to -bios as a whole.
Firmware = namedtuple("Firmware", "name code variables")


class FirmwareError(Exception):
    """No firmware to start, with the reason in words for a person."""


# Pairs of (code, variables) in the order in which they are tried; of two sizes the 4 MiB one is the maintained one.
OVMF_PAIRS = [
    # Debian, Ubuntu
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    # Arch, today's place and the former one
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd"),
    # Fedora: newer releases have qcow2 files only
    ("/usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2", "/usr/share/edk2/ovmf/OVMF_VARS_4M.qcow2"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    # openSUSE
    ("/usr/share/qemu/ovmf-x86_64-4m-code.bin", "/usr/share/qemu/ovmf-x86_64-4m-vars.bin"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
    # Gentoo
    ("/usr/share/edk2/OvmfX64/OVMF_CODE.fd", "/usr/share/edk2/OvmfX64/OVMF_VARS.fd"),
    # What QEMU itself brings along: Homebrew on Apple silicon and on Intel, FreeBSD, QEMU built by hand
    ("/opt/homebrew/share/qemu/edk2-x86_64-code.fd", "/opt/homebrew/share/qemu/edk2-i386-vars.fd"),
    ("/usr/local/share/qemu/edk2-x86_64-code.fd", "/usr/local/share/qemu/edk2-i386-vars.fd"),
    ("/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd"),
]

# Firmware that enforces Secure Boot, with a variable store that trusts a key which a person can sign with. Only Debian
# and Ubuntu have such a store; those of Fedora, openSUSE and Gentoo trust Microsoft and the distribution, whose private
# keys nobody else has. docs/secure-boot.md says how to make one.
SECURE = "ovmf-secure"
SECURE_PAIRS = [("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd")]

# Code and variables in one file; variables then do not last from boot to boot.
OVMF_WHOLE = ["/usr/share/ovmf/OVMF.fd", "/usr/share/qemu/OVMF.fd", "/usr/share/edk2/x64/OVMF.4m.fd"]

UBOOT_WHOLE = [
    "/usr/lib/u-boot/qemu-x86_64/u-boot.rom",  # Debian, Ubuntu
    "/usr/share/u-boot/qemu-x86_64/u-boot.rom",
]


def is_qcow2(path):
    with open(path, "rb") as file:
        return file.read(4) == b"QFI\xfb"


def flash_bytes(path):
    """The size of the flash chip that a file stands for."""
    if not is_qcow2(path):
        return os.path.getsize(path)
    with open(path, "rb") as file:  # QEMU, docs/interop/qcow2.txt: the virtual size is big-endian at byte 24
        return struct.unpack_from(">Q", file.read(32), 24)[0]


def fits(code, variables):
    """Whether both are halves of one firmware: a 2M and a 4M half fill no whole chip together."""
    total = flash_bytes(code) + flash_bytes(variables)
    return total & (total - 1) == 0


def pair(name, code, variables):
    for path in (code, variables):
        if not os.path.isfile(path):
            raise FirmwareError(f"no such firmware file: {path}")
    if not fits(code, variables):
        raise FirmwareError(f"{code} ({flash_bytes(code)} bytes) and {variables} ({flash_bytes(variables)} bytes) "
                            "are not halves of the same firmware: set OVMF_CODE and OVMF_VARS to a matching pair")
    return Firmware(name, code, variables)


def matching_variables(code):
    """The variable store that lies beside a code file, by the names that distributions use; None without one."""
    path = Path(code)
    for word, other in (("CODE", "VARS"), ("code", "vars"), ("x86_64-code", "i386-vars")):
        # secboot and .ms name a way to build the code, not a kind of variable store
        beside = path.with_name(path.name.replace(word, other).replace(".secboot", ""))
        if word in path.name and beside.is_file() and fits(path, beside):
            return str(beside)
    return None


def find_ovmf(environment):
    code, variables = environment.get("OVMF_CODE"), environment.get("OVMF_VARS")
    if code:
        variables = variables or (os.path.isfile(code) and matching_variables(code))
        return pair("ovmf", code, variables) if variables else find_path(code)
    for code, variables in OVMF_PAIRS:
        if os.path.isfile(code) and os.path.isfile(variables) and fits(code, variables):
            return Firmware("ovmf", code, variables)
    qemu = shutil.which(environment.get("QEMU") or "qemu-system-x86_64")
    if qemu:  # a QEMU in a place of its own keeps its firmware beside itself
        share = Path(qemu).resolve().parent.parent / "share" / "qemu"
        code, variables = share / "edk2-x86_64-code.fd", share / "edk2-i386-vars.fd"
        if code.is_file() and variables.is_file():
            return Firmware("ovmf", str(code), str(variables))
    return find_whole("ovmf", OVMF_WHOLE, "install the package ovmf (edk2-ovmf), or set OVMF_CODE and OVMF_VARS")


def find_secure(environment):
    code, variables = environment.get("OVMF_CODE"), environment.get("OVMF_VARS")
    if code and variables:
        return pair(SECURE, code, variables)
    if code or variables:  # a guess would be a store that trusts nobody, and then everything starts
        raise FirmwareError("ovmf-secure needs OVMF_CODE and OVMF_VARS both: only one of them is set")
    for code, variables in SECURE_PAIRS:
        if os.path.isfile(code) and os.path.isfile(variables):
            return Firmware(SECURE, code, variables)
    raise FirmwareError("no ovmf-secure firmware found: Debian's and Ubuntu's package ovmf brings it; elsewhere set "
                        "OVMF_CODE to a build with Secure Boot (OVMF_CODE*secboot*), OVMF_VARS to a variable store "
                        "that trusts your certificate, KEEL_KEY and KEEL_CERT to your key: docs/secure-boot.md")


def find_whole(name, places, advice):
    for path in places:
        if os.path.isfile(path):
            return Firmware(name, path, None)
    raise FirmwareError(f"no {name} firmware found: {advice}")


def find_path(path):
    if not os.path.isfile(path):
        raise FirmwareError(f"no such firmware: {path} (known names: ovmf, ovmf-secure, uboot; or the path of a "
                            ".fd or .rom file)")
    return Firmware(os.path.basename(path), path, matching_variables(path))


def find(name, environment=os.environ):
    """The firmware of that name (ovmf, ovmf-secure, uboot) or at that path. Raises FirmwareError."""
    if name == "ovmf":
        return find_ovmf(environment)
    if name == "uboot":
        return find_whole("uboot", UBOOT_WHOLE, "install the package u-boot-qemu, or give the path of a u-boot.rom")
    if name == SECURE:
        return find_secure(environment)
    return find_path(name)


if __name__ == "__main__":
    try:
        print(*[part for part in find(sys.argv[1])[1:] if part])
    except FirmwareError as error:
        sys.exit(str(error))
