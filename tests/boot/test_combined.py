"""Three misbehaviours at once: what no single row shows, each fix standing in another's way.

Which three is decided by a number, the seed: ten are fixed, `--soak N` takes N others. The same seed chooses the same
rows for as long as the rows stay the same.
"""

import random
import re
import time

import pytest

import harness
import judge
from rows import ROWS
from rows.row import ANY_END
from test_firmware import COMMANDS

# Of a machine that nothing can power off: no ACPI, and ResetSystem is off.
STAYS_ON = r"^poweroff: firmware: .+\n(.*\n)*'help' lists what can be typed"

ALWAYS = range(10)
SEEDS = 1 << 32

# Rows that need a machine of their own, or that this machine may refuse, go with no others.
COMBINABLE = [row for row in ROWS if row.boots() and not row.machine and not row.lacks]


def seeds(config):
    count, first = config.getoption("--soak"), config.getoption("--seed")
    if count is None:
        return ALWAYS
    first = random.randrange(SEEDS) if first is None else first
    return range(first, first + count)


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", seeds(metafunc.config))


def powers_off(keel):
    """Whether it does, or says that it cannot and answers all the same."""
    deadline = time.monotonic() + harness.BOOT_SECONDS
    while keel.process.poll() is None and time.monotonic() < deadline:
        if re.search(STAYS_ON, keel.output(), re.M):
            return bool(keel.command("mem", r"^ledger: .* unaccounted=0\s*$"))
        time.sleep(0.05)
    return keel.ended(1) == (0, "guest-shutdown")


def test_combined_misbehaviours(seed, image_of):
    """It boots with its accounts in order, or it refuses, or it fails by name; `--soak 1 --seed SEED` repeats one."""
    rows = random.Random(seed).sample(COMBINABLE, 3)
    script = "; ".join(row.script for row in rows)
    told = f"seed {seed}: {', '.join(row.name for row in rows)}: {script}\n"
    # Not all tests: some ask a service that another row breaks.
    commands = "".join(row.run for row in rows).replace("test all; ", "")
    append = f'run="{COMMANDS}; {commands}poweroff"'
    with harness.Running(append=append, image=image_of(script), cpus=2) as keel:
        found = keel.wait(rf"^keel: ready |{ANY_END}", seconds=harness.BOOT_SECONDS).group(0)
        assert not found.startswith(("panic:", "adversary: line", "!!!!")), told + keel.output()[-6000:]
        if found.startswith("keel: ready"):
            keel.wait(r"^frame-check: ok\s*$", seconds=harness.BOOT_SECONDS)
            assert powers_off(keel), told + keel.output()[-6000:]
            harness.ledger(keel.output())
        judge.check_rules(keel.output())
