"""The machine that Keel runs on in QEMU: from a few wishes to QEMU's command line.

Owns the choice of devices. image/run and the boot tests both start machines through this file, so that what is
tested is what a person runs. Arguments that a person adds for QEMU come last and win: where QEMU would add up
instead (-serial, -display, -accel), ours are left out.
"""

import os
import platform
import shutil
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path

import firmware

ROOT = Path(__file__).resolve().parent.parent
IMAGE = ROOT / "build" / "keel.img"
ISO = ROOT / "build" / "keel.iso"
ESP_OFFSET = 1 << 20  # where image/esp puts the file system
ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b").bytes_le  # UEFI 2.10, 5.3.3, table 5.7

# How the machine has the image: QEMU's options, where FILE stands for what the drive is made of.
DISKS = {
    "sata": ["-drive", "FILE"],
    "cdrom": ["-drive", "media=cdrom,FILE"],
    "usb": ["-device", "qemu-xhci", "-drive", "if=none,id=keel-disk,FILE", "-device", "usb-storage,drive=keel-disk"],
    "usb2": ["-device", "usb-ehci", "-drive", "if=none,id=keel-disk,FILE", "-device", "usb-storage,drive=keel-disk"],
    "nvme": ["-drive", "if=none,id=keel-disk,FILE", "-device", "nvme,drive=keel-disk,serial=keel"],
    "virtio": ["-drive", "if=virtio,FILE"],
}

# isa-debug-exit ends QEMU with (value << 1) | 1; the values are the kernel's (kernel/x86/debug_exit.h).
DEBUG_EXIT_PORT = 0xF4
EXIT_TESTS_FAILED = 0x10 << 1 | 1
EXIT_PANIC = 0x18 << 1 | 1

# Above this, memory is promised and not reserved, so that a 16 GiB machine starts on a small host.
RESERVE_MAX_MIB = 2048


class MachineError(Exception):
    """The machine cannot be put together, with the reason in words for a person."""


def qemu_program():
    name = os.environ.get("QEMU") or "qemu-system-x86_64"
    path = shutil.which(name)
    if not path:
        raise MachineError(f"{name} not found: image/setup installs it")
    return path


def memory_mib(text):
    """MiB from 512, 512M or 2G."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "M")
    if not number.isdigit() or unit not in "MG" or int(number) == 0:
        raise MachineError(f"--memory {text}: a number of MiB, or with M or G, such as 512M")
    return int(number) << (10 if unit == "G" else 0)


def accelerators():
    """What QEMU should try: the CPU's own virtualisation where it works, else translation (TCG)."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return ["tcg"]
    if platform.system() == "Darwin":
        return ["hvf", "tcg"] if works("hvf") else ["tcg"]
    return ["kvm", "tcg"] if os.access("/dev/kvm", os.R_OK | os.W_OK) and works("kvm") else ["tcg"]


def works(accelerator):
    """Whether a guest really runs: in containers and nested machines /dev/kvm may open and then fail.

    The guest is four instructions at the reset vector (SDM vol. 3, 10.1.4) that end QEMU with a code of ours.
    """
    code = bytes([0xB0, 0x10, 0xE6, DEBUG_EXIT_PORT, 0xF4])  # mov al, 0x10; out DEBUG_EXIT_PORT, al; hlt
    rom = bytes(0xFFF0) + code.ljust(16, b"\xF4")
    with tempfile.NamedTemporaryFile(suffix=".rom") as file:
        file.write(rom)
        file.flush()
        command = [qemu_program(), "-accel", accelerator, "-cpu", "max", "-machine", "q35", "-m", "16", "-nodefaults",
                   "-display", "none", "-bios", file.name, "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x}"]
        try:
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, timeout=5)
        except subprocess.TimeoutExpired:
            return False
    return ended.returncode == EXIT_TESTS_FAILED


def copy_sparse(source, target):
    """Copies a file, and leaves out what is zero: an image of 40 MiB holds less than one."""
    zeros = bytes(1 << 16)
    with open(source, "rb") as whole, open(target, "wb") as copy:
        for block in iter(lambda: whole.read(len(zeros)), b""):
            if block == zeros:
                copy.seek(len(zeros), os.SEEK_CUR)
            else:
                copy.write(block)
        copy.truncate()


def esp_offset(image):
    """Where the file system that firmware boots from begins: what the image's GPT says (UEFI 2.10, 5.3.2, 5.3.3)."""
    with open(image, "rb") as disk:
        disk.seek(512)
        header = disk.read(92).ljust(92, b"\0")
        table_at, count, entry_bytes = struct.unpack_from("<QII", header, 72)
        if header[:8] == b"EFI PART" and max(table_at, entry_bytes) < 1 << 16:
            disk.seek(table_at * 512)
            for _ in range(min(count, 256)):
                entry = disk.read(entry_bytes)
                if entry[:16] == ESP_TYPE:
                    return struct.unpack_from("<Q", entry, 32)[0] * 512
    raise MachineError(f"{image} has no EFI system partition")


def has_display():
    return platform.system() == "Darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Machine:
    """memory, cpus, firmware, headless, command_line, image, disk, extra: as the options of image/run.

    serial: what QEMU's -serial gets. gdb_port: where QEMU waits for gdb before it starts, if it does. loader: an EFI
    application that the firmware starts instead of what is on the disk, which is then of a kind that firmware's drivers
    take up and let go quickly. variables: a file that keeps the firmware's variables from one run to the next; made
    when it is not there. verdict: without it a panic does not end QEMU. prepare() puts the command line into a copy of
    the image, in a directory that the caller owns and removes; command() is then a list of arguments for QEMU.
    """

    def __init__(self, memory="512M", cpus=4, firmware_name="ovmf", headless=True, command_line=None, image=IMAGE,
                 extra=(), serial="mon:stdio", loader=None, disk="sata", gdb_port=None, variables=None, verdict=True):
        self.memory_mib = memory_mib(memory)
        self.cpus = cpus
        self.firmware = firmware.find(firmware_name)
        self.headless = headless
        self.command_line = command_line
        self.image = Path(image)
        self.extra = list(extra)
        self.serial = serial
        self.loader = loader
        self.variables = variables and Path(variables)
        self.verdict = verdict
        self.disk = disk
        self.gdb_port = gdb_port

    def prepare(self, directory):
        if self.variables and not self.variables.exists():
            shutil.copyfile(self.firmware.variables, self.variables)
        if self.command_line is None:
            return
        copy, text = Path(directory, "keel.img"), Path(directory, "cmdline.txt")
        copy_sparse(self.image, copy)
        text.write_bytes(self.command_line.encode() + b"\n")
        mcopy = subprocess.run(["mcopy", "-o", "-i", f"{copy}@@{esp_offset(copy)}", text, "::/keel/cmdline.txt"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if mcopy.returncode != 0:
            raise MachineError(f"cannot write \\keel\\cmdline.txt into a copy of the image: {mcopy.stderr.strip()}")
        self.image = copy

    def command(self):
        return [qemu_program(), "-name", "Keel", *self.processor(), *self.memory(), *self.flash(), *self.devices(),
                *self.console(), *self.debugger(), "-no-reboot", *self.extra]

    def added(self, *options):
        """Whether the person's own arguments have one of these options."""
        return any(word.lstrip("-") in options and word.startswith("-") for word in self.extra)

    def processor(self):
        accelerator = []
        if not self.added("accel", "enable-kvm"):
            names = accelerators()
            if self.firmware.name == firmware.SECURE:
                # macOS's virtualisation has no SMM. For each variable all CPUs meet there, and spin until the last one
                # came: where they are translated, on fewer CPUs of the host, taking turns is six times as fast.
                names = ["tcg,thread=single" if name == "tcg" else name for name in names if name != "hvf"]
            accelerator = [word for name in names for word in ("-accel", name)]
        # max: all that the host has under KVM, all that QEMU can do under TCG (SMEP, SMAP, UMIP, 1 GiB pages).
        return ["-machine", "q35", *self.secure(), *accelerator, "-cpu", "max", "-smp", str(self.cpus)]

    def secure(self):
        """What firmware with Secure Boot needs: its variables out of the reach of all code but its own, in SMM."""
        if self.firmware.name != firmware.SECURE:
            return []
        # edk2, OvmfPkg, S3Verification(): a 64-bit build from before 2023 halts when there is S3 besides SMM.
        return ["-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
                "-global", "ICH9-LPC.disable_s3=1"]

    def memory(self):
        if self.added("m"):
            return []
        size = ["-m", f"{self.memory_mib}M"]
        if self.memory_mib <= RESERVE_MAX_MIB or platform.system() != "Linux":
            return size
        backend = f"memory-backend-ram,id=keel-ram,size={self.memory_mib}M,reserve=off"
        return [*size, "-object", backend, "-machine", "memory-backend=keel-ram"]

    def flash(self):
        if not self.firmware.variables:
            return ["-bios", self.firmware.code]
        code_format = "qcow2" if firmware.is_qcow2(self.firmware.code) else "raw"
        variables_format = "qcow2" if firmware.is_qcow2(self.firmware.variables) else "raw"
        # snapshot=on: every run starts with the variables as they were installed, and the system's file stays so.
        kept = f"file={self.variables}" if self.variables else f"snapshot=on,file={self.firmware.variables}"
        return ["-drive", f"if=pflash,unit=0,format={code_format},readonly=on,file={self.firmware.code}",
                "-drive", f"if=pflash,unit=1,format={variables_format},{kept}"]

    def devices(self):
        # snapshot=on: what the guest writes to the disk is gone afterwards, build/keel.img stays as it was built.
        # No network card: Keel has no use for one, and the firmware would try to boot from it.
        network = [] if self.added("nic", "net", "netdev") else ["-nic", "none"]
        file = f"format=raw,snapshot=on,file={self.image}"
        disk = [word.replace("FILE", file) for word in DISKS["virtio" if self.loader else self.disk]]
        loader = ["-kernel", self.loader] if self.loader else []
        verdict = ["-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=0x04"] if self.verdict else []
        return [*disk, *loader, *network, *verdict]

    def debugger(self):
        # Not QEMU's -s, which every host on the network may use.
        return ["-S", "-gdb", f"tcp:127.0.0.1:{self.gdb_port}"] if self.gdb_port else []

    def console(self):
        arguments = []
        if self.headless and not self.added("display", "nographic", "vnc", "spice"):
            arguments += ["-display", "none"]
        if not self.added("serial", "nographic", "nodefaults"):
            arguments += ["-serial", self.serial]
        elif not self.added("monitor", "nographic", "nodefaults"):
            arguments += ["-monitor", "none"]
        return arguments
