"""Ways down: power off, reset, and the power button, each also where those before it fail.

A way fails because the adversary took it out of ACPI's tables, because QEMU's machine lacks the device, or, where
QEMU has no machine without it, because its function is made to do nothing (gdb.Stub.disable). Every way is announced,
so the lines tell which one it was that worked.
"""

import re

import pytest

import gdb
import harness

STATUS_OK, STATUS_TIMEOUT = 0, 5  # kernel/base/status.h: both mean that it was done, and nothing happened
FLAGS, NO_RESET, CONTROL_METHOD_BUTTON, HARDWARE_REDUCED = 112, 0x80A5, 0x84B5, 0x1084A5  # FADT, on OVMF: 0x84a5
SCI_INTERRUPT, RESET_SPACE, RESET_PORT = 46, 116, 120
NO_DEVICE = 0xFED40000  # where a PC has its TPM, and QEMU's without one nothing
NO_S5 = "acpi-rename DSDT _S5_ _S9_"
OFF, RESET = (0, "guest-shutdown"), (0, "guest-reset")

# An SSDT with Name (_S5, Package (2) {0, 0}), as QEMU's DSDT has it.
S5_AML = b"\x08_S5_\x12\x04\x02\x00\x00"


def down(keel, command, ended):
    """Types the command, or presses the button with None; the announcements, when the machine ends that way."""
    if command is None:
        keel.qmp.command("system_powerdown")
    else:
        keel.send(command + "\r")
    assert keel.ended(harness.BOOT_SECONDS) == ended, keel.output()[-4000:]
    return re.findall(r"^(?:poweroff|reboot): .*?(?=\s*$)", keel.output(), re.M)


def started(keel):
    keel.ready()
    keel.wait(r"^keel> ")
    return keel


def machine(script, image_of, append="log=debug nokaslr", **wishes):
    """A machine whose firmware does what the script says."""
    return harness.Running(append=append, image=image_of(script) if script else harness.machine.IMAGE, **wishes)


# ---- poweroff ----

OFFS = {
    "s5": ("", "", ["poweroff: ACPI S5"]),
    "no-s5": (NO_S5, "", ["poweroff: ACPI S5", "poweroff: ACPI S5: not found", "poweroff: firmware"]),
    "no-acpi": ("table-absent acpi", "", ["poweroff: ACPI S5", "poweroff: ACPI S5: not found", "poweroff: firmware"]),
    "hardware-reduced": (f"acpi-patch FACP {FLAGS} 4 {HARDWARE_REDUCED}", "", ["poweroff: firmware"]),
    "hardware-reduced-noruntime": (f"acpi-patch FACP {FLAGS} 4 {HARDWARE_REDUCED}", "noruntime", None),
    "nothing-left": (NO_S5, "noruntime", None),
}


@pytest.mark.parametrize("script, append, expected", OFFS.values(), ids=OFFS)
def test_poweroff(script, append, expected, image_of):
    """Each way where the one before it is not there; and a machine with none says so and goes on."""
    with machine(script, image_of, append) as keel:
        started(keel)
        if expected:
            assert down(keel, "poweroff", OFF) == expected
            return
        keel.command("poweroff", r"^poweroff: this machine has to be turned off by hand")
        assert re.search(r"^poweroff: firmware: noruntime on the command line", keel.output(), re.M)
        assert "poweroff: ACPI S5: not found" in keel.output()
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")


def test_s5_in_an_ssdt(image_of, tmp_path):
    """Firmware of laptops puts the sleep states into an SSDT."""
    table = tmp_path / "ssdt.aml"
    table.write_bytes(S5_AML)
    with machine(NO_S5, image_of, fresh=True, extra=["-acpitable", f"sig=SSDT,data={table}"]) as keel:
        started(keel)
        keel.command("acpi", r"^s5: sleep types 0, 0")
        assert down(keel, "poweroff", OFF) == ["poweroff: ACPI S5"]


# ---- reboot ----

REGISTER = ["reboot: ACPI reset register"]
NOT_FOUND = [*REGISTER, "reboot: ACPI reset register: not found"]
CF9 = [*NOT_FOUND, "reboot: port 0xCF9"]
KEYBOARD = [*CF9, "reboot: port 0xCF9: nothing happened", "reboot: keyboard controller"]
FIRMWARE = [*KEYBOARD, "reboot: keyboard controller: nothing happened", "reboot: firmware"]
NO_REGISTER = f"acpi-patch FACP {FLAGS} 4 {NO_RESET}"
RESETS = {
    "register": ("", [], REGISTER),
    "register-that-does-nothing": (f"acpi-patch FACP {RESET_PORT} 8 0x1234", [],
                                   [*REGISTER, "reboot: ACPI reset register: nothing happened", "reboot: port 0xCF9"]),
    "register-in-memory": (f"acpi-patch FACP {RESET_SPACE} 1 0; acpi-patch FACP {RESET_PORT} 8 {NO_DEVICE:#x}", [],
                           [*REGISTER, "reboot: ACPI reset register: nothing happened", "reboot: port 0xCF9"]),
    "register-in-ram": (f"acpi-patch FACP {RESET_SPACE} 1 0; acpi-patch FACP {RESET_PORT} 8 0x2000000", [],
                        [*REGISTER, "reboot: ACPI reset register: unsupported", "reboot: port 0xCF9"]),
    "cf9": (NO_REGISTER, [], CF9),
    "keyboard": (NO_REGISTER, ["power_reset_cf9"], KEYBOARD),
    "firmware": (NO_REGISTER, ["power_reset_cf9", "power_reset_keyboard"], FIRMWARE),
    "triple-fault": (NO_REGISTER, ["power_reset_cf9", "power_reset_keyboard", "runtime_reset"],
                     [*FIRMWARE, "reboot: firmware: nothing happened", "reboot: triple fault"]),
    "hardware-reduced": (f"acpi-patch FACP {FLAGS} 4 {HARDWARE_REDUCED}", [], ["reboot: firmware"]),
}


@pytest.mark.parametrize("script, broken, expected", RESETS.values(), ids=RESETS)
def test_reboot(script, broken, expected, image_of):
    """Each way where those before it fail; all that QEMU tells is that the guest reset."""
    with machine(script, image_of) as keel:
        started(keel)
        with gdb.Stub(keel) as stub:
            for function in broken:
                stub.disable(function, STATUS_OK if function == "runtime_reset" else STATUS_TIMEOUT)
        assert down(keel, "reboot", RESET) == expected


def test_reboot_without_runtime_services():
    """The firmware's way says why it is not one, and the next is tried."""
    with harness.Running("noruntime nokaslr") as keel:
        started(keel)
        with gdb.Stub(keel) as stub:
            for function in ("power_reset_acpi", "power_reset_cf9", "power_reset_keyboard"):
                stub.disable(function, STATUS_TIMEOUT)
        said = down(keel, "reboot", RESET)
        assert said[-1] == "reboot: triple fault"
        assert re.match(r"reboot: firmware: .*noruntime", said[-2])


# ---- The power button ----

ASKS = r"^power button: turning off in 10 s"


def press(keel):
    """Presses the button and waits for the question."""
    start = keel.mark()
    keel.qmp.command("system_powerdown")
    keel.wait(ASKS, start)


@pytest.mark.parametrize("machine", [[], ["-machine", "pc"]], ids=["q35", "pc"])
@pytest.mark.parametrize("answer", ["y", None], ids=["yes", "again"])
def test_power_button(answer, machine):
    """Asks, and a yes or another press powers off. Its line is level-triggered on both machines, by the MADT's word."""
    with harness.Running(extra=machine) as keel:
        started(keel)
        press(keel)
        assert down(keel, answer, OFF) == ["poweroff: ACPI S5"]


def test_power_button_on_uboot():
    """Its FADT names no event registers on q35: the south bridge has them (drivers/ich9.c)."""
    harness.skip_without_uboot()
    with harness.Running(firmware_name="uboot") as keel:
        started(keel)
        press(keel)
        assert down(keel, "y", OFF) == ["poweroff: ACPI S5"]


def test_power_button_with_nobody_there():
    """No answer is a yes: the keyboard of a laptop may be what does not work."""
    with harness.Running() as keel:
        started(keel)
        press(keel)
        assert keel.ended(harness.BOOT_SECONDS) == OFF


def test_power_button_declined():
    """Any key: the machine stays on, what was half typed stands again, and the button still works."""
    with harness.Running() as keel:
        started(keel)
        keel.send("tim")
        keel.wait(r"^keel> tim")
        press(keel)
        start = keel.mark()
        keel.send("n")
        keel.wait(r"^power button: staying on\s+keel> tim$", start)
        keel.command("e", r"^tsc: ")
        press(keel)
        keel.command("x", r"^power button: staying on")
        assert "poweroff" not in keel.output()


def test_power_button_pressed_while_a_command_runs():
    """Nothing is asked before the command is done, and then it is."""
    with harness.Running() as keel:
        started(keel)
        keel.command("test frames-stress 5", r"^1\.\.1")
        keel.qmp.command("system_powerdown")
        keel.wait(ASKS)
        assert re.search(r"^ok 1 .*\n(.*\n)*power button: ", keel.output(), re.M)
        assert down(keel, "y", OFF) == ["poweroff: ACPI S5"]


PM1_ENABLE, PM1_CONTROL = 0x602, 0x604  # QEMU's q35, hw/acpi/ich9.c


def port(keel, write):
    keel.qmp.command("human-monitor-command", command_line=f"o {write}")


def test_acpi_is_turned_on():
    """Machines come out of firmware with ACPI off, too: SMI_CMD turns it on, and so the button works."""
    class Legacy(harness.Running):
        def begun(self):
            port(self, f"/h {PM1_CONTROL:#x} 0")

    with Legacy() as keel:
        started(keel)
        read = keel.qmp.command("human-monitor-command", command_line=f"i /h {PM1_CONTROL:#x}")
        assert int(read.split("=")[1], 16) & 1 == 1
        press(keel)
        assert down(keel, "y", OFF) == ["poweroff: ACPI S5"]


def test_storm_on_the_line_of_the_button():
    """An event that is nobody's stays asserted: the line is masked, that is said, and everything else goes on."""
    with harness.Running() as keel:
        started(keel)
        port(keel, f"/h {PM1_ENABLE:#x} 0x101")  # with the button's, the timer's, which comes every 2.3 seconds
        keel.wait(r"^warn: power button: off, for its line interrupted 1000 times without it")
        before, after = (int(keel.command("cpus", r"^cpu 0: .* (\d+) interrupts").group(1)) for _ in range(2))
        assert after - before < 100
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")
        assert down(keel, "poweroff", OFF) == ["poweroff: ACPI S5"]


BUTTONS = {
    "control-method": (f"acpi-patch FACP {FLAGS} 4 {CONTROL_METHOD_BUTTON}", "only AML knows of it"),
    "hardware-reduced": (f"acpi-patch FACP {FLAGS} 4 {HARDWARE_REDUCED}", "only AML knows of it"),
    "no-line": (f"acpi-patch FACP {SCI_INTERRUPT} 2 0", "not found"),
    "no-io-apic": ("acpi-hidden APIC", "not found"),
}


@pytest.mark.parametrize("script, reason", BUTTONS.values(), ids=BUTTONS)
def test_machines_without_a_button_of_ours(script, reason, image_of):
    """It is said at log=debug, and pressing it does nothing bad."""
    with machine(script, image_of) as keel:
        started(keel)
        assert f"debug: power button: {reason}" in keel.output()
        keel.qmp.command("system_powerdown")
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")
        assert "power button: turning off" not in keel.output()


# ---- Sleep ----

@pytest.mark.parametrize("extra", [[], ["-cpu", "qemu64"], ["-cpu", "max,-hypervisor"]], ids=["max", "qemu64", "bare"])
def test_idle_cpus_sleep(extra):
    """And keys, alarms and work for other CPUs end the sleep."""
    with harness.Running(extra=extra, cpus=2) as keel:
        started(keel)
        keel.wait_until_idle()
        keel.command("test all", r"^# \d+ passed, 0 failed")
        keel.press("m", "e", "m", "ret")
        keel.wait(r"^ledger: .* unaccounted=0\s*$")
        keel.wait_until_idle()
