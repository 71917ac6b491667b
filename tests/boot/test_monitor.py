"""The monitor as a person meets it: idle until a key comes, keys from serial and from the machine's keyboard."""

import time

import pytest

import harness


def test_waits_in_hlt():
    """Nothing typed: every CPU stands in HLT, in nearly every one of many samples, so it is no busy loop.

    A single sample may catch a timer interrupt; a kernel that polls would be awake in most of them.
    """
    with harness.Running(memory="512M", cpus=4) as keel:
        keel.ready()
        time.sleep(1)
        samples = []
        for _ in range(20):
            samples.append(keel.idle())
            time.sleep(0.1)
        assert all(len(sample) == 4 for sample in samples)
        for cpu in range(4):
            assert sum(sample[cpu] for sample in samples) >= 18, f"CPU {cpu} is awake"


@pytest.mark.quick
def test_keys_over_serial():
    with harness.Running(memory="512M", cpus=1) as keel:
        keel.ready()
        keel.command("mem", r"^ledger: total=")
        # Editing: a mistake is taken back before the line is sent
        keel.command("cpuz\bs", r"^cpus: 1 running")
        keel.command("help", r"poweroff")
        keel.send("poweroff\r")
        assert keel.ended() == (0, "guest-shutdown")


def test_history_over_serial():
    """Arrow-up brings the last line back; it runs again."""
    with harness.Running(memory="512M", cpus=1) as keel:
        keel.ready()
        keel.command("frames", r"^frame-check: ok")
        keel.command("\x1b[A", r"^frame-check: ok")


def test_keys_of_the_keyboard():
    """PS/2 keys, through the I/O APIC and the key map; the answer is read on serial."""
    with harness.Running(memory="512M", cpus=2) as keel:
        keel.ready()
        start = keel.mark()
        keel.type_on_keyboard("mem\n")
        keel.wait(r"^ledger: total=", start)


def test_keyboard_without_serial_powers_off():
    """A laptop: no serial port at all; what is typed on the keyboard is obeyed."""
    with harness.Running(memory="512M", cpus=2, extra=["-serial", "none"]) as keel:
        keel.wait_until_idle()
        keel.type_on_keyboard("poweroff\n")
        assert keel.ended() == (0, "guest-shutdown")


def test_screen_shows_text(tmp_path):
    """The console is on the screen too: after boot it is neither empty nor one colour, and typing changes it."""
    with harness.Running(memory="512M", cpus=2) as keel:
        keel.ready()
        before = keel.screen(tmp_path / "before.ppm")
        assert len(set(before[at:at + 3] for at in range(0, len(before), 3))) > 1
        keel.command("mem", r"^ledger: total=")
        after = keel.screen(tmp_path / "after.ppm")
        same = after == before  # apart from the assert: pytest would explain a difference of megabytes
        assert not same


def test_unplugged_serial_line_does_not_hold_the_boot():
    """A UART whose other side takes nothing must not stop the kernel: writes time out."""
    with harness.Running('run="mem; poweroff"', memory="512M", cpus=1,
                         extra=["-chardev", "null,id=deaf", "-serial", "chardev:deaf"]) as keel:
        assert keel.ended(harness.BOOT_SECONDS) == (0, "guest-shutdown")
