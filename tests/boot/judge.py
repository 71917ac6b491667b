"""Judges what was printed while a row was played: by the adversary, of every call, and by the kernel, of itself."""

import re

import harness

# What may be called from the first ExitBootServices until one succeeds, and what after that.
LEAVING = {"GetMemoryMap", "ExitBootServices"}
RUNTIME = {"SetVirtualAddressMap", "GetTime", "GetVariable", "GetNextVariableName", "SetVariable", "ResetSystem"}
# Of a boot without commands: whether the last one left a record, and the report's own call.
BOOT = {"SetVirtualAddressMap", "GetVariable", "SetVariable"}


def check_rules(text):
    """Of every row, however it ends: the adversary names each breach of the hand-off's rules as it happens."""
    broken = re.findall(r"^adversary: broken rule: .*", text, re.M)
    assert not broken, "\n".join(broken)


def calls_seen(phase, report):
    """How often each service was called by the kernel in that phase: "leaving" or "left"."""
    return {name: int(count) for name, count in re.findall(rf"^adversary: {phase}: (\S+) calls=(\d+) ", report, re.M)}


def check_report(row, text):
    """What the adversary saw: no call that the hand-off forbids, each on a good stack with interrupts off.

    Exactly: of each failed ExitBootServices, one fresh map and one more try; then SetVirtualAddressMap, once; then
    whether the last boot left a record (GetVariable, once); then what the row's commands and the report itself
    (SetVariable) ask for. A row without commands asks for nothing.
    """
    parts = text.split("adversary: report: ")
    assert len(parts) > 1, text[-6000:]
    report = parts[1]  # a later one, at ResetSystem, has counted the first
    seen = re.match(r"exits=(\d+) stale=(\d+) misaligned=(\d+) interrupts-on=(\d+)", report)
    exits, stale, misaligned, interrupts_on = map(int, seen.groups())
    assert (stale, misaligned, interrupts_on) == (0, 0, 0)
    assert row.attempts is None or exits == row.attempts
    leaving, left = calls_seen("leaving", report), calls_seen("left", report)
    assert leaving == ({name: exits - 1 for name in LEAVING} if exits > 1 else {})
    assert left.get("SetVirtualAddressMap", 0) == row.virtual_calls
    assert set(left) <= (RUNTIME if row.run else BOOT)
    assert row.run or left.get("GetVariable", 0) <= 1
    told = re.findall(r"^adversary: SetVirtualAddressMap call .*", text, re.M)
    assert len(told) == row.virtual_calls
    assert all("boot-memory=intact one-to-one=yes" in line for line in told), told


def check_ready(row, text):
    """It boots, and every page is accounted for."""
    assert "panic:" not in text
    harness.ledger(text)
    assert re.search(r"^frame-check: ok\s*$", text, re.M), text[-6000:]
    lowest = re.search(r"^lowest free frame: 0x([0-9a-f]+)", text, re.M)
    assert int(lowest.group(1), 16) >= 1 << 20
    assert row.attempts is None or re.search(rf"^exit attempts: {row.attempts}\b", text, re.M), text[-6000:]
    if row.reports:
        check_report(row, text)


def check(row, text):
    """All that a row says of its outcome, and what holds for every row."""
    check_rules(text)
    for expected in row.says:
        assert re.search(expected, text, re.M), text[-6000:]
    for unexpected in row.silent:
        assert not re.search(unexpected, text, re.M), text[-6000:]
    if row.boots():
        check_ready(row, text)
