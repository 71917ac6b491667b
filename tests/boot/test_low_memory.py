"""What management mode does to memory below 1 MiB, done through QEMU's debugger: the kernel lives elsewhere."""

import pytest

import gdb
import harness

LOW_END = 0xA0000          # then the VGA window
SCRIBBLE = b"\xcc"         # int3, and no sensible pointer, count or flag


@pytest.mark.quirk("B27", outcome="boots; nothing changes")
def test_low_memory_is_scribbled_on():
    """B27: all of it, the page that CPUs started from too; then every test that the kernel has runs."""
    with harness.Running(append="", cpus=2) as keel:
        keel.ready()
        with gdb.Stub(keel) as stub:
            stub.write(0, SCRIBBLE * LOW_END)
            assert stub.read(LOW_END - 4, 4) == SCRIBBLE * 4
        keel.command("test all", r"^# \d+ passed, 0 failed")
        keel.command("mem", r"^ledger: .* unaccounted=0\s*$")
        keel.command("frames", r"^frame-check: ok\s*$")
        keel.send("poweroff\r")
        assert keel.ended() == (0, "guest-shutdown")
