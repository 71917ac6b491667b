"""What must come of a row, in words, for docs/coverage.md."""

import re

from rows.row import FAILURE, NO_MEMORY, REFUSED, WRONG_SCRIPT

# What stands in Row.outcome, if it is no boot
ENDS = {
    REFUSED: "refuses; the firmware goes on",
    NO_MEMORY: "panic: out of memory",
    WRONG_SCRIPT: "the script is refused",
    r"^adversary: never returns": "hangs in the firmware, behind the kernel's last words",
    **{FAILURE.format(code): f"failure {code}, on screen and serial" for code in range(1, 6)},
}

# What stands in one of Row.says
SAYS = [
    ("is off from here on", "that service is off"),
    (r"^\^SetVirtualAddressMap: ", "runtime services are off"),
    ("calling SetVirtualAddressMap", "its last line says where"),
    ("withheld", "that memory is withheld"),
    ("mended:", "the map is mended"),
    ("listed:", "that memory is left alone"),
    ("attributes.* ignored", "what is wrong is ignored"),
    ("warn: screen|no screen", "without a screen"),
    ("interrupts on", "it is reported"),
    ("left DescriptorSize 0", "it is reported"),
]


def tries(row):
    if row.attempts is None:
        return " after some tries"
    return f" after {row.attempts} tries" if row.attempts != 1 else ""


def in_words(row):
    said = dict.fromkeys(words for text in row.says for sign, words in SAYS if re.search(sign, text))
    if not row.boots():
        begin = ENDS.get(row.outcome, re.sub(r"\W+", " ", row.outcome).strip())
    else:
        cpus = re.search(r"cpus=(\d+)", row.outcome)
        begin = "boots" + tries(row) + (" with one CPU" if cpus and cpus.group(1) == "1" else "")
    return "; ".join([begin, *said])


def quirks(row):
    """(item, outcome) of each item that the row is for."""
    return [(item, in_words(row)) for item in row.item.split() if item != "-"]
