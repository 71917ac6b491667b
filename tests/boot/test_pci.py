"""PCI: every function of machines of several shapes, as QEMU tells them, and a device that interrupts by message.

What `pci` prints is compared with QMP's query-pci: buses behind bridges, in every base address register. Machines
reach the configuration space in both ways, and one has a root bus that no bridge leads to.
"""

import re

import pytest

import harness

ROOT_PORT = ["-device", "pcie-root-port,id=port0,chassis=1", "-device", "e1000e,bus=port0"]
BEHIND_BRIDGE = ["-device", "pci-bridge,id=bridge0,chassis_nr=2", "-device", "e1000,bus=bridge0,addr=3"]
SECOND_ROOT = ["-device", "pxb-pcie,id=root1,bus_nr=128", "-device", "pcie-root-port,id=port0,bus=root1,chassis=1",
               "-device", "e1000e,bus=port0"]
MANY = ["-device", "ich9-usb-ehci1,addr=1d.7,multifunction=on",
        "-device", "ich9-usb-uhci1,addr=1d.0,multifunction=on", "-device", "qemu-xhci"]
PC = ["-machine", "pc"]

SHAPES = {
    "q35": ([], "ECAM", ""),
    "several-functions": (MANY, "ECAM", ""),
    "root-port": (ROOT_PORT, "ECAM", ""),
    "second-root": (SECOND_ROOT, "ECAM", ""),
    "root-port-by-ports": (ROOT_PORT, "ports", "acpi-hidden MCFG"),
    "pc": (PC, "ports", ""),
    "pc-bridge": (PC + BEHIND_BRIDGE, "ports", ""),
    "pc-second-root": (PC + ["-device", "pxb,id=root1,bus_nr=128", "-device", "e1000,bus=root1,addr=2"], "ports", ""),
}

FUNCTION = re.compile(r"^0000:([0-9a-f]{2}):([0-9a-f]{2})\.(\d) ([0-9a-f]{4}):([0-9a-f]{4}) ([0-9a-f]{4})\.")
REGISTER = re.compile(r"^    (\d): (ports|memory) 0x([0-9a-f]+)(, 64 bits)?(, prefetchable)?\s*$")


def printed(text):
    """{(bus, device, function): (vendor, device, class, {register: (ports?, address, wide?, prefetchable?)})}"""
    functions, registers = {}, {}
    for line in text.splitlines():
        if match := FUNCTION.match(line):
            place, registers = tuple(int(part, 16) for part in match.groups()[:3]), {}
            functions[place] = (*(int(part, 16) for part in match.groups()[3:]), registers)
        elif match := REGISTER.match(line):
            number, kind, address, wide, prefetchable = match.groups()
            registers[int(number)] = (kind == "ports", int(address, 16), bool(wide), bool(prefetchable))
    return functions


def told(buses):
    """The same by QEMU; a register that has no address, and a ROM, which is no such register, are left out."""
    functions = {}
    for device in (device for bus in buses for device in bus["devices"]):
        registers = {region["bar"]: (region["type"] == "io", region["address"], region.get("mem_type_64", False),
                                     region.get("prefetch", False))
                     for region in device["regions"] if region["bar"] < 6 and region["address"] > 0}
        place = device["bus"], device["slot"], device["function"]
        functions[place] = device["id"]["vendor"], device["id"]["device"], device["class_info"]["class"], registers
        functions |= told([device["pci_bridge"]] if device.get("pci_bridge", {}).get("devices") else [])
    return functions


@pytest.mark.parametrize("extra, way, script", SHAPES.values(), ids=SHAPES)
def test_every_function_is_found(extra, way, script, image_of):
    """All buses, both ways to reach them; nothing but bridges and displays is a bus master afterwards."""
    image = image_of(script) if script else harness.machine.IMAGE
    fresh = "bus_nr" in str(extra)  # a snapshot's disk would be put on the second root bus, which takes none
    with harness.Running("log=debug", image=image, extra=extra, fresh=fresh) as keel:
        keel.ready()
        assert ("debug: pci: segment 0 by ECAM" in keel.output()) == (way == "ECAM")
        start = keel.mark()
        keel.command("pci", r"^pci: \d+ functions, \d+ silenced, 0 not listed\s*$")
        expected = told(keel.qmp.command("query-pci"))
        assert printed(keel.output(start)) == expected
        assert masters(keel.output(start)) <= {"host bridge", "ISA bridge", "PCI bridge", "VGA display", "bridge"}
        keel.command("test pci-silence", r"^ok 1 pci-silence")


def masters(text):
    """The names of what kept bus mastering; every other one in the table was silenced."""
    table = text.split("bus masters that the firmware left:", 1)[1]
    rows = re.findall(r"^  0000:\S+ (.*?): (.*?)\s*$", table, re.M)
    assert any(fate == "silenced" for _, fate in rows), text
    return {name for name, fate in rows if not fate.startswith("silenced")}


def test_message_reaches_its_handler():
    """MSI: to this CPU, when the device may write and not before; twice."""
    with harness.Running(fresh=True, extra=["-device", "edu"]) as keel:  # fresh: edu is in no snapshot
        keel.ready()
        keel.command("pci", r"^0000:00:0\d\.0 1234:11e8 .*\n    0: memory 0x[0-9a-f]+\s*\n    msi\s*$")
        keel.command("test pci-message", r"^ok 1 pci-message\s*$")
        keel.command("test pci-message", r"^ok 1 pci-message\s*$")
        keel.command("test pci-silence", r"^ok 1 pci-silence\s*$")


CONFIG_ADDRESS, CONFIG_DATA = 0xCF8, 0xCFC  # PCI Local Bus 3.0, 3.2.2.3.2
BAR0 = 0x10


@pytest.mark.parametrize("address, why", [(0x1000000, "not to be mapped"), (0, "not found")], ids=["in-ram", "nowhere"])
def test_registers_at_a_senseless_place_are_refused(address, why):
    """Firmware that gave a device no place, or memory: a driver's first write would hit somebody's page."""
    with harness.Running(fresh=True, extra=["-device", "edu,addr=8"]) as keel:
        keel.ready()
        for port, value in ((CONFIG_ADDRESS, 1 << 31 | 8 << 11 | BAR0), (CONFIG_DATA, address)):
            keel.qmp.command("human-monitor-command", command_line=f"o /w {port:#x} {value:#x}")
        keel.command("test pci-message", rf"^warn: pci: 1234:11e8: registers 0 at {address:#x}: {why}")
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")
