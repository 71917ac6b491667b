"""What a row is: one misbehaviour of the firmware, the number of what it imitates, and what must come of it.

A row's script goes to \\keel\\adversary.txt; tests/firmware/README.md teaches its words. Numbers are those of the
catalogue in docs/firmware-quirks.md (A1 is item 1 of its part A). How a row is played: ../test_firmware.py; how it is
judged: ../judge.py.
"""

from dataclasses import dataclass, field
from typing import Mapping, Optional, Sequence

# Outcomes: regular expressions for the line that ends the waiting
READY = r"^keel: ready cpus=2 "
REFUSED = r"^adversary: the kernel returned 0x8"
FAILURE = r"^keel: failure {}: "  # boot/failure.h has the codes
NO_MEMORY = r"^panic: .*out of memory"
WRONG_SCRIPT = r"^adversary: line \d+ of adversary.txt"
ANY_END = (r"^keel: failure \d+: |^panic: .+\n|^!!!! X64 Exception Type|"  # the last is EDK2's
           r"^adversary: the kernel returned 0x\d|^adversary: line \d+ of adversary.txt")


@dataclass(frozen=True)
class Row:
    """One misbehaviour, or several, and their outcome."""

    name: str
    item: str                   # of the catalogue; several are separated by a space, "-" is none
    why: str                    # what would go wrong
    script: str                 # lines, separated by ';'
    outcome: str = READY        # a regular expression
    says: Sequence = ()         # regular expressions that must stand in the output
    silent: Sequence = ()       # regular expressions that must not
    run: str = ""               # monitor commands before the power-off
    reports: bool = True        # whether the adversary can still be asked; not when runtime services are off
    attempts: Optional[int] = 1 # calls of ExitBootServices; None: any number
    virtual_calls: int = 1      # calls of SetVirtualAddressMap that come back
    machine: Mapping = field(default_factory=dict) # what Machine is asked for, such as {"memory": "6G"}
    lacks: str = ""             # a regular expression: the machine cannot do this, and the row is skipped

    def boots(self):
        return self.outcome.startswith("^keel: ready")
