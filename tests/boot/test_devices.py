"""Devices and CPUs that firmware leaves running, and memory that it leaves behind.

Each of them does something after the exit by itself, so these tests look from outside, at moments: Watched stops the
machine where the kernel begins to be silent, or to reclaim, and reads memory there. What a device wrote before that
went into memory that was still the firmware's, and is none of the kernel's business.
"""

import re
import struct
import time

import pytest

import gdb
import harness
from flood import ARGUMENTS as NETWORK_CARD
from flood import Flood

SILENCE = "machine_quiesce"
RECLAIM = "mm_reclaim"

CONFIG_ADDRESS, CONFIG_DATA = 0xCF8, 0xCFC  # PCI Local Bus 3.0, 3.2.2.3.2
COMMAND, COMMAND_WORKS = 0x04, 0x07         # 6.2.2: ports, memory, bus master
COMMAND_MASTER = 0x04


class Watched(harness.Running):
    """A machine that stands still where each of these functions of the kernel's begins, until keel.stub.go()."""

    def __init__(self, *functions, append="", **wishes):
        super().__init__(cpus=2, append=f"{append} nokaslr", **wishes)
        self.functions = functions
        self.stub = None

    def begun(self):
        self.stub = gdb.Stub(self)
        for function in self.functions:
            self.stub.stop_at(function)
        self.stub.go()

    def __exit__(self, *details):
        super().__exit__(*details)
        if self.stub:
            self.stub.close()

    def stopped(self, function):
        """Waits for that stop."""
        try:
            self.stub.stopped(function)
        except gdb.GdbError as error:
            raise AssertionError(f"{error}:\n{self.output()[-4000:]}") from error


def said(keel, pattern):
    """The hexadecimal numbers of a line of the adversary's."""
    found = re.search(rf"^adversary: {pattern}", keel.output(), re.M)
    assert found, keel.output()[-4000:]
    return [int(number, 16) for number in found.groups()]


def memory_at(keel, address, size_bytes):
    """Physical memory; the machine may run."""
    path = f"{keel.directory.name}/memory"
    keel.qmp.command("pmemsave", val=address, size=size_bytes, filename=path)
    with open(path, "rb") as file:
        return file.read()


def monitor(keel, line):
    return keel.qmp.command("human-monitor-command", command_line=line)


def pci_device(keel, vendor, device):
    """Its number on bus 0, and the address in its first register."""
    for found in keel.qmp.command("query-pci")[0]["devices"]:
        if (found["id"]["vendor"], found["id"]["device"]) == (vendor, device):
            return found["slot"], found["regions"][0]["address"]
    raise AssertionError(f"no PCI device {vendor:x}:{device:x}")


def is_silent(keel, device):
    """Whether it may write to no memory."""
    monitor(keel, f"o /w {CONFIG_ADDRESS:#x} {1 << 31 | device << 11 | COMMAND:#x}")
    return int(monitor(keel, f"i /h {CONFIG_DATA:#x}").split("=")[1], 16) & COMMAND_MASTER == 0


def unsilence(keel, device):
    """Lets a device write to memory again, as if the kernel had not forbidden it: the control of the tests below."""
    assert is_silent(keel, device)  # which has addressed its register, too
    monitor(keel, f"o /h {CONFIG_DATA:#x} {COMMAND_WORKS:#x}")


def until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {seconds} s"
        time.sleep(0.02)


# ---- Memory that is the firmware's until the reclaim ----


@pytest.mark.quirk("C43", outcome="boots; the kernel writes to none of it before the reclaim")
def test_boot_services_memory_is_intact_until_reclaim(image_of):
    """C43: firmware uses it in SetVirtualAddressMap, and devices afterwards: all of it, byte by byte.

    All but 16 MiB of the machine is such memory here: whoever takes a page of the wrong kind takes one of these.
    """
    megabytes = 128
    with Watched("kernel_main", RECLAIM, image=image_of("map-retype conventional boot-data"), append='run="map; mem"',
                 memory=f"{megabytes}M") as keel:
        keel.stopped("kernel_main")
        before = memory_at(keel, 0, megabytes << 20)
        keel.stub.go()
        keel.stopped(RECLAIM)
        after = memory_at(keel, 0, megabytes << 20)
        keel.stub.go()
        keel.wait(r"^ledger: .* unaccounted=0\s*$")
        assert_pattern(keel, after)
        ranges = boot_services(keel.output())
        assert sum(end - start for start, end in ranges) > 80 << 20
        changed = [hex(page) for start, end in ranges for page in range(start, end, 4096)
                   if before[page:page + 4096] != after[page:page + 4096]]
        assert changed == []


def assert_pattern(keel, memory):
    """What harm.c put there: that this test reads the right memory at all."""
    start, words = said(keel, r"the pattern lies at 0x([0-9a-f]+), 0x([0-9a-f]+) words")
    expected = (i * 0x9E3779B97F4A7C15 & (1 << 64) - 1 for i in range(words))
    assert memory[start:start + 8 * words] == struct.pack(f"<{words}Q", *expected)


def boot_services(text):
    """[start, end) of boot-services code (3) and data (4) in what `map` printed."""
    found = re.findall(r"^[34] 0x([0-9a-f]+) (\d+) 0x", text, re.M)
    return [(int(start, 16), int(start, 16) + int(pages) * 4096) for start, pages in found]


# ---- Devices ----

EDU = 0x1234, 0x11E8
EDU_COMMAND = 0x98  # QEMU, docs/specs/edu.txt: bit 0 starts a copy, and is set until it is done; bit 1: to memory
EDU_COPY = struct.pack("<Q", 3)
EDU_PATTERN = struct.pack("<Q", 0xBADBADBADBADBAD0)
EDU_BYTES = 64


@pytest.mark.quirk("D70", outcome="boots; the device is silent")
def test_device_writes_no_memory_that_was_reclaimed(image_of):
    """D70: a device was told in the exit to copy into boot-services memory, and it does so a tenth of a second later.

    On a slow day that time is over before the kernel comes to it, so what is no longer due is told again at both stops.
    """
    # Fresh: this device's state is in no snapshot.
    with Watched(SILENCE, RECLAIM, image=image_of("edu"), append="", fresh=True,
                 extra=["-device", "edu,dma_mask=0xffffffff"]) as keel:
        keel.stopped(SILENCE)
        device, registers = pci_device(keel, *EDU)
        target = said(keel, r"edu will copy to 0x([0-9a-f]+)")[0]

        def is_due():
            return monitor(keel, f"xp /1gx {registers + EDU_COMMAND:#x}").split()[1] == "0x0000000000000003"

        def keep_due():
            print("the copy is", "still due" if is_due() else "done, and told again")
            keel.stub.write(registers + EDU_COMMAND, EDU_COPY)

        keep_due()
        keel.stub.go()
        keel.stopped(RECLAIM)
        keep_due()
        assert is_due()
        keel.stub.write(target, bytes(EDU_BYTES))
        keel.stub.go()
        until(lambda: not is_due(), "no copy")
        assert EDU_PATTERN not in memory_at(keel, target, EDU_BYTES)
        keel.ready()
        keel.command("test pci-silence", r"^ok \d+ (- )?pci-silence\s*$")
        keel.command("frames", r"^frame-check: ok\s*$")
        assert EDU_PATTERN not in memory_at(keel, target, EDU_BYTES)
        unsilence(keel, device)
        keel.stub.halt()
        keel.stub.write(registers + EDU_COMMAND, EDU_COPY)
        keel.stub.go()
        until(lambda: not is_due(), "no copy")
        assert memory_at(keel, target, EDU_BYTES) == EDU_PATTERN * (EDU_BYTES // 8)


NET = 0x1AF4, 0x1000
NET_STATUS, NET_DRIVER_OK = 0x12, 0x07  # VIRTIO 1.1, 4.1.4.8 and 2.1


class Flooded(Watched):
    """A machine whose network card gets frames from when the adversary listens on."""

    flood = None

    def begun(self):
        self.flood = Flood(self, after="adversary: virtio-net receives")
        super().begun()

    def __exit__(self, *details):
        super().__exit__(*details)
        if self.flood:
            self.flood.close()


@pytest.mark.quirk("D70", outcome="boots; the network card is silent", row="virtio-net")
def test_network_card_left_receiving(image_of):
    """D70: its rings and buffers are boot-services memory, and frames keep coming."""
    with Flooded(RECLAIM, image=image_of("virtio-net"), append="", extra=NETWORK_CARD) as keel:
        keel.stopped(RECLAIM)
        device, port = pci_device(keel, *NET)
        assert is_silent(keel, device), "a frame may arrive between the reclaim and the silence"
        assert "adversary: virtio-net: a frame arrived" in keel.output()
        assert "adversary: virtio-net: frames arrive after the exit" in keel.output()
        start, end, ring = said(keel, r"virtio-net receives in \[0x([0-9a-f]+), 0x([0-9a-f]+)\), "
                                      r"used ring at 0x([0-9a-f]+)")
        before = memory_at(keel, start, end - start)
        arrived = used(before, ring - start)
        assert 0 < arrived < 1024  # it received, and could go on
        keel.stub.go()
        keel.ready()
        keel.flood.wait(100)
        assert memory_at(keel, start, end - start) == before
        keel.command("frames", r"^frame-check: ok\s*$")
        unsilence(keel, device)
        monitor(keel, f"o /b {port + NET_STATUS:#x} {NET_DRIVER_OK:#x}")
        until(lambda: used(memory_at(keel, start, end - start), ring - start) > arrived, "no frame arrived")


def used(memory, ring):
    """How many buffers the card has filled (VIRTIO 1.1, 2.6.8)."""
    return struct.unpack_from("<H", memory, ring + 2)[0]


# ---- CPUs ----


@pytest.mark.quirk("D73", outcome="boots; they stand still")
@pytest.mark.parametrize("append", ["", "cpus=1"], ids=["all", "one"])
def test_parked_cpus_are_stopped(append, image_of):
    """D73: CPUs that firmware left running in boot-services memory: to be stopped even by who wants one CPU only."""
    with Watched(RECLAIM, image=image_of("parked-cpus"), append=append) as keel:
        keel.stopped(RECLAIM)
        assert "adversary: parked CPUs count" in keel.output()
        counter = said(keel, r"parked CPUs will count at 0x([0-9a-f]+)")[0]
        before = memory_at(keel, counter, 4)
        assert before != bytes(4)
        keel.stub.go()
        keel.ready()
        assert memory_at(keel, counter, 4) == before
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")
        assert memory_at(keel, counter, 4) == before


@pytest.mark.quirk("D61", outcome="boots, in x2APIC mode")
def test_x2apic_is_on_already(image_of):
    """D61: the memory-mapped registers answer with ones, and the other CPUs are in the other mode."""
    with harness.Running(image=image_of("x2apic"), append="", cpus=2) as keel:
        if "no x2APIC" in keel.wait(r"^adversary: (x2APIC will|this CPU has no x2APIC)").group(0):
            pytest.skip("this machine's CPU has no x2APIC: QEMU's own translation has it from version 9 on")
        keel.wait(r"^keel: ready cpus=2 ")
        assert "adversary: x2APIC is on" in keel.output()
        keel.command("test all", r"^# \d+ passed, 0 failed")


# ---- The watchdog ----


@pytest.mark.quirk("A19", outcome="boots, and is not reset")
@pytest.mark.parametrize("armed, looked_at", [(6, 8), (20, 40)])
def test_boot_watchdog_is_disarmed(armed, looked_at, image_of):
    """A19: a boot manager armed it, in seconds; a kernel that forgets it is reset then."""
    with harness.Running(image=image_of(f"watchdog {armed}"), append="", cpus=2,
                         extra=["-global", "ICH9-LPC.noreboot=off"]) as keel:
        keel.wait(r"^adversary: the chip set's watchdog is armed")
        began = time.monotonic()
        keel.ready()
        while time.monotonic() < began + looked_at:
            assert keel.process.poll() is None, f"the watchdog reset the machine\n{keel.output()[-4000:]}"
            time.sleep(0.2)
        assert "the boot watchdog is still armed" not in keel.output()
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")
