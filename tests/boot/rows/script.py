"""The adversary's own script: mistakes in a row must not pass for a passed row."""

from rows.row import WRONG_SCRIPT, Row

SCRIPT = [
    Row("unknown-word", "-", "a typing mistake in a script must not pass for a passed row",
        "exit stale 1\nfrobnicate", WRONG_SCRIPT),
    Row("bad-number", "-", "likewise", "map stride x", WRONG_SCRIPT),
]
