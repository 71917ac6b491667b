"""Where the kernel lies: elsewhere each time, whatever the entropy comes from, and where it is linked under nokaslr."""

import re

import pytest

import harness

LINKED = (0xFFFFFFFF80000000, 0xFFFF800000000000, 0xFFFFF80000000000)  # mm/layout.h
PLACED = (r"^debug: memory: image at 0x([0-9a-f]+), direct map at 0x([0-9a-f]+), vspace at 0x([0-9a-f]+); "
          r"entropy: (.*tsc)\s*$")  # tsc is last: half a line is none
NO_RDRAND = ["-cpu", "max,-rdrand"]

# name, the adversary's script, QEMU's arguments, what the entropy then comes from
SOURCES = [
    pytest.param("", [], r"(firmware )?rdrand tsc", id="as-it-comes", marks=pytest.mark.quick),
    pytest.param("rng absent", [], "rdrand tsc", id="no-rng"),
    pytest.param("rng absent", NO_RDRAND, "tsc", id="tsc-alone"),
    pytest.param("rng constant", NO_RDRAND, "tsc", id="constant-rng"),
]


def placed(append="", **wishes):
    """The addresses of image, direct map and vspace in one boot, and the entropy's sources."""
    with harness.Running(append=f'log=debug {append} run="mem; poweroff"', cpus=1, **wishes) as keel:
        found = keel.wait(PLACED, seconds=harness.BOOT_SECONDS)
        keel.wait(r"^ledger: .* unaccounted=0\s*$", seconds=harness.BOOT_SECONDS)
        assert keel.ended() == (0, "guest-shutdown")
    return tuple(int(address, 16) for address in found.groups()[:3]), found.group(4)


@pytest.mark.parametrize("script, extra, sources", SOURCES)
def test_two_boots_differ_in_every_base(script, extra, sources, image_of):
    """That chance makes one of them equal is less likely than 1 in 2^16: 2^-19, 2^-16.9 and 2^-21.7."""
    wishes = {"extra": extra, **({"image": image_of(script)} if script else {})}
    boots = [placed(**wishes) for _ in range(2)]
    assert all(re.fullmatch(sources, said) for _, said in boots), boots
    assert all(one != other for one, other in zip(boots[0][0], boots[1][0])), boots


def test_nokaslr_leaves_everything_as_linked():
    """For debuggers, which know the addresses of the link map."""
    assert placed("nokaslr")[0] == LINKED


def test_quoted_nokaslr_is_no_such_word():
    """boot/ must take the line apart as the kernel does: here it is a monitor command, and an unknown one."""
    with harness.Running(append='log=debug run="nokaslr; poweroff"', cpus=1) as keel:
        found = keel.wait(PLACED, seconds=harness.BOOT_SECONDS)
        keel.wait(r"^nokaslr: no such command")
        assert int(found.group(1), 16) != LINKED[0]
