"""USB keyboards on xHCI: plugged in from the beginning or later, behind hubs, pulled out while a key is down.

QEMU gives a key to the keyboard that was plugged in last. Without an i8042 (NO_PS2) that is always a USB one, so what
the monitor obeys came by USB. Root ports: QEMU's controllers have the four of USB 3 first, so devices begin at port 5.
"""

import re
import socket
import struct
import time

import pytest

import harness

NO_PS2 = ["-machine", "i8042=off"]
XHCI = [*NO_PS2, "-device", "qemu-xhci,id=xhci"]
KEYBOARD = ["-device", "usb-kbd,id=kbd,bus=xhci.0"]


def there(keel, where="at port 5", start=0):
    """A keyboard is announced, so that it may be typed on."""
    keel.wait(rf"usb: keyboard {where}\s*$", start)


def gone(keel, where="at port 5", start=0):
    keel.wait(rf"usb: keyboard {where} is gone\s*$", start)


def types(keel):
    """What is typed on the machine's keyboard is obeyed."""
    start = keel.mark()
    keel.type_on_keyboard("mem\n")
    keel.wait(r"^ledger: total=.* unaccounted=0", start)


def usb(keel):
    """What `usb` prints."""
    start = keel.mark()
    keel.command("usb", r"^usb: \d+ controllers, \d+ interrupts")
    return keel.output(start)


def plug(keel, **device):
    start = keel.mark()
    keel.qmp.command("device_add", **device)
    return start


def unplug(keel, name):
    start = keel.mark()
    keel.qmp.command("device_del", id=name)
    return start


@pytest.mark.quick
@pytest.mark.parametrize("controller", ["qemu-xhci", "nec-usb-xhci"])
def test_only_keyboard(controller):
    """No PS/2 at all: the laptop of today. Two models: capabilities at other places, one port protocol or two."""
    with harness.Running(cpus=2, extra=[*NO_PS2, "-device", f"{controller},id=xhci", *KEYBOARD]) as keel:
        keel.ready()
        there(keel)
        types(keel)
        assert re.search(r"port 5: 0627:0001 class 03, high speed, keyboard", usb(keel))


@pytest.mark.parametrize("without, kind", [("", "msi-x"), (",msix=off", "msi"), (",msi=off,msix=off", "polled")])
def test_interrupts(without, kind):
    """Each way in which a controller may wake the CPU, down to none: it is looked at by the timer then."""
    # Fresh: QEMU 7.2 cannot load the state of a controller without MSI-X.
    with harness.Running(fresh=without != "", extra=[*NO_PS2, "-device", f"nec-usb-xhci,id=xhci{without}",
                                                     *KEYBOARD]) as keel:
        keel.ready()
        there(keel)
        types(keel)
        text = usb(keel)
        assert f", {kind}, " in text
        assert (re.search(r"(\d+) interrupts", text).group(1) == "0") == (kind == "polled")


def test_behind_hub():
    """A hub of full speed."""
    hub = ["-device", "usb-hub,bus=xhci.0,port=2"]
    with harness.Running(extra=[*XHCI, *hub, "-device", "usb-kbd,bus=xhci.0,port=2.3"]) as keel:
        keel.ready()
        keel.wait(r"usb: hub at port 6\s*$")
        there(keel, r"behind hub port 6\.3")
        types(keel)


def test_behind_five_hubs():
    """As deep as USB allows (USB 2.0, 4.1.1); the sixth is refused with a word."""
    path, hubs = "1", []
    for _ in range(6):
        hubs += ["-device", f"usb-hub,bus=xhci.0,port={path}"]
        path += ".1"
    keyboard = ["-device", "usb-kbd,bus=xhci.0,port=1.1.1.1.1.2"]
    with harness.Running(extra=[*XHCI, *hubs[:10], *keyboard]) as keel:
        keel.ready()
        there(keel, r"behind hub port 5\.1\.1\.1\.1\.2")
        types(keel)


def test_plugged_in_and_out_while_typing():
    """Half a line is typed on one keyboard, the other half on the next; the line is still there."""
    with harness.Running(extra=XHCI) as keel:
        keel.ready()
        for name in ("first", "second", "third"):
            start = plug(keel, driver="usb-kbd", id=name, bus="xhci.0", port="1")
            there(keel, start=start)
            keel.type_on_keyboard("m" if name == "first" else "e" if name == "second" else "m\n")
            if name != "third":
                time.sleep(0.3)  # QEMU holds a key for 0.1 s, and forgets it with the keyboard
                gone(keel, start=unplug(keel, name))
        keel.wait(r"^ledger: total=", start)
        assert usb(keel).count("keyboard") == 1


def test_pulled_out_with_a_key_down():
    """The key goes up with its keyboard: it neither repeats for ever nor stays down for the next one."""
    with harness.Running(extra=XHCI) as keel:
        keel.ready()
        there(keel, start=plug(keel, driver="usb-kbd", id="kbd", bus="xhci.0", port="1"))
        start = keel.mark()
        keel.qmp.command("input-send-event", events=[
            {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "x"}}}])
        keel.wait("xxx", start)  # it repeats
        gone(keel, start=unplug(keel, "kbd"))
        start = keel.mark()
        keel.send("\x15")  # Ctrl-U: an empty line
        keel.command("time", r"^uptime: ")
        assert "xx" not in keel.output(start)
        there(keel, start=plug(keel, driver="usb-kbd", id="next", bus="xhci.0", port="1"))
        types(keel)


def test_hub_pulled_out():
    """With everything behind it; plugged in again, everything is found again."""
    with harness.Running(extra=XHCI) as keel:
        keel.ready()
        for _ in range(2):
            start = plug(keel, driver="usb-hub", id="hub", bus="xhci.0", port="1")
            keel.wait(r"usb: hub at port 5\s*$", start)
            there(keel, r"behind hub port 5\.2", plug(keel, driver="usb-kbd", id="kbd", bus="xhci.0", port="1.2"))
            types(keel)
            start = unplug(keel, "hub")
            gone(keel, r"behind hub port 5\.2", start)
            keel.wait(r"usb: hub at port 5 is gone", start)
        keel.command("", r"keel> $")
        while "  port 5" in usb(keel):  # the controller is told, too; bounded by the waits for each answer
            assert keel.mark() < start + 10000


def test_both_kinds():
    """PS/2 and USB side by side; QEMU gives keys to the USB one until it goes, then to the other."""
    with harness.Running(extra=["-device", "qemu-xhci,id=xhci", *KEYBOARD]) as keel:
        keel.ready()
        there(keel)
        types(keel)
        gone(keel, start=unplug(keel, "kbd"))
        types(keel)


def test_two_controllers():
    extra = ["-device", "nec-usb-xhci,id=other", "-device", "usb-kbd,bus=other.0"]
    with harness.Running(extra=[*XHCI, *KEYBOARD, *extra]) as keel:
        keel.ready()
        keel.wait(r"(usb: keyboard at port 5[^$]*){2}")
        types(keel)
        assert "usb: 2 controllers" in usb(keel)


def test_behind_bridge():
    """As on AMD's: the controller is on a bus behind a port of PCI Express."""
    with harness.Running(extra=[*NO_PS2, "-device", "pcie-root-port,id=root,chassis=1", "-device",
                                "qemu-xhci,id=xhci,bus=root", *KEYBOARD]) as keel:
        keel.ready()
        there(keel)
        types(keel)


def test_declines_the_power_button():
    """The question is asked outside of the monitor's own loop; a USB key answers it there too."""
    with harness.Running(extra=[*XHCI, *KEYBOARD]) as keel:
        keel.ready()
        there(keel)
        keel.qmp.command("system_powerdown")
        keel.wait(r"^power button: turning off in ")
        keel.press("n")
        keel.wait(r"^power button: staying on")
        types(keel)


def test_other_devices_are_left_alone(tmp_path):
    """A stick, a mouse, a tablet and a keyboard: all listed, one driven."""
    stick = tmp_path / "stick.img"
    stick.write_bytes(bytes(1 << 20))
    controller = [*NO_PS2, "-device", "qemu-xhci,id=xhci,p2=6,p3=2"]
    others = ["-device", "usb-mouse,bus=xhci.0,port=3", "-device", "usb-tablet,bus=xhci.0,port=4"]
    with harness.Running(extra=[*controller, "-device", "usb-kbd,bus=xhci.0,port=5", *others]) as keel:
        keel.ready()
        there(keel, "at port 7")
        keel.wait(r"usb: device at port 5\s*$")
        keel.wait(r"usb: device at port 6\s*$")
        # Plugged in now, for no snapshot holds a disk of this test's; at a port of USB 3, whose speed is another.
        keel.qmp.command("blockdev-add", **{"driver": "file", "node-name": "stick", "filename": str(stick)})
        start = plug(keel, driver="usb-storage", id="stick0", drive="stick", bus="xhci.0", port="1")
        keel.wait(r"usb: device at port 1\s*$", start)
        text = usb(keel)
        assert text.count("class 03, high speed, device") == 2
        assert re.search(r"port 1: \S+ class 08, super speed, device", text)
        gone_stick = unplug(keel, "stick0")
        keel.wait(r"usb: device at port 1 is gone", gone_stick)


def test_nothing_plugged_in():
    with harness.Running(extra=XHCI) as keel:
        keel.ready()
        assert "usb: 1 controllers" in usb(keel)
        assert "port 5" not in usb(keel)
        keel.command("test pci-silence", r"^ok \d+ (- )?pci-silence\s*$")


def test_idle_with_keyboard():
    """A keyboard that nobody touches costs nothing: with interrupts nothing looks at it."""
    with harness.Running(cpus=2, extra=[*XHCI, *KEYBOARD]) as keel:
        keel.ready()
        there(keel)
        keel.wait_until_idle()


def test_iommu_is_there():
    """A DMAR table, and an IOMMU that firmware leaves off: the controller's memory is reached all the same."""
    with harness.Running(extra=["-device", "intel-iommu", *XHCI, *KEYBOARD]) as keel:
        keel.ready()
        there(keel)
        types(keel)


@pytest.mark.parametrize("firmware, disk", [("ovmf", "usb"), ("uboot", "sata")])
def test_firmware_used_it(firmware, disk):
    """The stick that was booted from and the only keyboard are on a controller that the firmware used just before.

    U-Boot has no driver for it: it is as it was after the reset.
    """
    if firmware == "uboot":
        harness.skip_without_uboot()
    controller = [] if disk == "usb" else ["-device", "qemu-xhci"]
    with harness.Running(fresh=True, disk=disk, firmware_name=firmware,
                         extra=[*NO_PS2, *controller, "-device", "usb-kbd"]) as keel:
        keel.ready()
        keel.wait(r"usb: keyboard at port \d+\s*$")
        types(keel)
        keel.type_on_keyboard("poweroff\n")
        assert keel.ended() == (0, "guest-shutdown")


def test_no_serial_line():
    """A laptop: only its screen and a USB keyboard."""
    with harness.Running(extra=[*XHCI, *KEYBOARD, "-serial", "none"]) as keel:
        keel.wait_until_idle()
        keel.type_on_keyboard("poweroff\n")
        assert keel.ended() == (0, "guest-shutdown")


@pytest.mark.quirk("D70", outcome="boots; the controller is taken, and types", row="usb")
def test_firmware_left_it_running(image_of):
    """With its rings in memory that is about to be given away, and a key that goes down meanwhile."""
    with harness.Running(image=image_of("usb"), append="", fresh=True, extra=[*XHCI, *KEYBOARD]) as keel:
        keel.wait(r"^adversary: the USB controller runs on, events at 0x[1-9a-f]", seconds=harness.BOOT_SECONDS)
        keel.ready()
        there(keel)
        types(keel)
        keel.command("frames", r"^frame-check: ok\s*$")


LED_STATE = -261  # RFB: "QEMU LED state", a rectangle whose one byte has bit 0 Scroll, 1 Num, 2 Caps Lock
CAPS = 4


class Viewer:
    """A viewer of QEMU's screen that only wants to know which lights are on (RFC 6143, 7.1 to 7.5)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(harness.BOOT_SECONDS)
        self.socket.connect(path)
        self.socket.sendall(self.take(12))  # the same version
        assert 1 in self.take(self.take(1)[0])  # no password
        self.socket.sendall(b"\x01")
        self.take(4)
        self.socket.sendall(b"\x01")  # others may look on
        self.take(struct.unpack("!4x16xI", self.take(24))[0])
        self.socket.sendall(struct.pack("!BxHi", 2, 1, LED_STATE))

    def take(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            assert part, "QEMU closed the line"
            data += part
        return data

    def wait(self, wanted):
        """Reads until the lights are as wanted."""
        while True:
            kind, count, *_, encoding = struct.unpack("!BxHHHHHi", self.take(16))
            assert (kind, count, encoding) == (0, 1, LED_STATE)
            if self.take(1)[0] == wanted:
                return


def test_lights(tmp_path):
    """Caps Lock is lit and put out, on the keyboard that was there and on the one that comes when it is on."""
    path = str(tmp_path / "vnc")
    with harness.Running(fresh=True, extra=[*XHCI, *KEYBOARD, "-vnc", f"unix:{path}"]) as keel:
        keel.ready()
        there(keel)
        viewer = Viewer(path)
        keel.press("caps_lock")
        viewer.wait(CAPS)
        keel.press("caps_lock")
        viewer.wait(0)
        keel.press("caps_lock")
        viewer.wait(CAPS)
        gone(keel, start=unplug(keel, "kbd"))
        there(keel, start=plug(keel, driver="usb-kbd", id="next", bus="xhci.0", port="1"))
        keel.press("caps_lock")
        viewer.wait(0)
