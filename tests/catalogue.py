"""Which test is for which item of docs/firmware-quirks.md: docs/coverage.md, and the table at the end of tests/run.

    tests/run --coverage         writes docs/coverage.md

Rows of boots and of memory maps say it by marks (tests/conftest.py), host programs in catalogue_tables.py. What no
firmware can do to us here has a sentence there. tests/lint checks that every item has one or the other.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections import namedtuple
from pathlib import Path

from catalogue_tables import FUZZ, UNIT, WHY_NOT

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "docs" / "firmware-quirks.md"
PAGE = ROOT / "docs" / "coverage.md"
ITEM_COUNT = 80
CLAUSE_MIN = 11             # less says too little: "AMI ≤2.0"
COLUMNS = 118

# test: as tests/run names it. row: its name for people.
Cover = namedtuple("Cover", "item test row outcome")


class CoverageError(Exception):
    """Somebody names an item, or a test, that does not exist; or forgot one."""


def first_clause(text):
    """The beginning of an item's text, up to where it goes into detail."""
    end = re.search(r"(?<! or) \(|(?<! incl)[;.:] | – | → | \[", text[CLAUSE_MIN:])
    return text[:CLAUSE_MIN + end.start()] if end else text


def items():
    """{"A1": "Map key stale at first EBS", ...} in the order of the page."""
    found, part = {}, None
    for line in CATALOGUE.read_text(encoding="utf-8").splitlines():
        heading, entry = re.match(r"\*\*([A-Z])\. ", line), re.match(r"(\d+)\. (.+)", line)
        if heading:
            part = heading.group(1)
        elif part and entry:
            found[part + entry.group(1)] = first_clause(entry.group(2))
    if len(found) != ITEM_COUNT:
        raise CoverageError(f"{CATALOGUE.name} has {len(found)} items that this script can read, not {ITEM_COUNT}")
    return found


def marked():
    """What the marks of pytest's tests say."""
    with tempfile.TemporaryDirectory(prefix="keel-") as directory:
        found = Path(directory, "quirks.json")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only",
                   f"--quirks={found}", "tests/boot", "tests/maps", "tests/lint"]
        ran = subprocess.run(command, cwd=ROOT, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"), timeout=120,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if ran.returncode != 0:
            raise CoverageError(f"pytest cannot collect the tests:\n{ran.stdout.decode()}")
        return [Cover(**one) for one in json.loads(found.read_text())]


def check_unit(program, test):
    """There is a test of that name in tests/unit/PROGRAM_test.c."""
    source = ROOT / "tests" / "unit" / f"{program}_test.c"
    if not source.is_file() or not re.search(rf"\({test}[,)]", source.read_text(encoding="utf-8")):
        raise CoverageError(f"there is no unit test {program}.{test}")


def unit():
    for item, names in UNIT.items():
        for name in names:
            program, test = name.split(".")
            check_unit(program, test)
            words = test.removeprefix("test_").replace("_", " ")
            yield Cover(item, f"build/unit/{program}_test: {test}", f"unit {program}", words)


def fuzz():
    for item, targets in FUZZ.items():
        for target in targets:
            if not (ROOT / "tests" / "fuzz" / "seeds" / target).is_dir():
                raise CoverageError(f"there is no fuzz target {target}")
            yield Cover(item, f"fuzz: fuzz {target}", f"fuzz {target}", "any input is survived")


def collect():
    """Every cover, in the order of the catalogue. Fails where an item is unknown, or has neither test nor reason."""
    known, covers = list(items()), [*marked(), *unit(), *fuzz()]
    named = {cover.item for cover in covers} | set(WHY_NOT)
    unknown = sorted(named - set(known))
    if unknown:
        raise CoverageError(f"not in the catalogue: {' '.join(unknown)}")
    missing = [item for item in known if item not in named]
    if missing:
        raise CoverageError(f"neither a test nor a reason why there is none: {' '.join(missing)}")
    return sorted(covers, key=lambda cover: known.index(cover.item))


# ---- docs/coverage.md ----

HEAD = """# What of the catalogue is covered

Written by `tests/run --coverage` from the tests themselves; do not edit. `tests/run` prints the same items with what
became of them. Items are those of [firmware-quirks.md](firmware-quirks.md#catalogue). Rows without another word are
boots, most of them in front of `tests/firmware`; `map` is a memory map replayed, `unit` and `fuzz` are host programs.

| item | what firmware does | row | outcome |
|---|---|---|---|
"""


def group(covers, key):
    """{key: [covers]}, in the order in which keys come."""
    groups = {}
    for cover in covers:
        groups.setdefault(key(cover), []).append(cover)
    return groups


def lines_of(item, covers):
    """(rows, outcome) of an item: rows of one outcome stand in one line."""
    for outcome, same in group(covers, lambda cover: cover.outcome).items():
        yield ", ".join(f"`{row}`" for row in dict.fromkeys(cover.row for cover in same)), outcome
    if item in WHY_NOT:
        yield "no more" if covers else "none", WHY_NOT[item]


def page(covers):
    by_item = group(covers, lambda cover: cover.item)
    text = HEAD
    for item, what in items().items():
        for number, (rows, outcome) in enumerate(lines_of(item, by_item.get(item, []))):
            first = [item, what.replace("|", "\\|")] if number == 0 else ["", ""]
            text += f"| {' | '.join([*first, rows, outcome])} |\n"
    return text


# ---- tests/run ----

def summary(covers, verdicts, every_item=True):
    """A paragraph for each item: which rows passed, failed, were skipped or did not run. verdicts: {test: word}."""
    by_item = group(covers, lambda cover: cover.item)
    for item in items():
        if not every_item and all(cover.test not in verdicts for cover in by_item.get(item, [])):
            continue
        found = group(by_item.get(item, []), lambda cover: verdicts.get(cover.test, "not run"))
        words = [f"{verdict}: {', '.join(dict.fromkeys(cover.row for cover in found[verdict]))}"
                 for verdict in ("failed", "passed", "skipped", "not run") if verdict in found]
        if item in WHY_NOT:
            words.append(f"{'no more' if found else 'none'}: {WHY_NOT[item]}")
        yield from textwrap.wrap(f"{item:4} {'; '.join(words)}", COLUMNS, subsequent_indent=" " * 5,
                                 break_on_hyphens=False)


def print_summary(verdicts, every_item):
    """What of the catalogue this run covered."""
    try:
        lines = list(summary(collect(), verdicts, every_item))
    except CoverageError as error:  # tests/lint has failed for it already
        lines = [f"not known: {error}"]
    print("\nWhat of docs/firmware-quirks.md was covered:", *lines, "", sep="\n")


def write_page():
    """The exit status."""
    try:
        PAGE.write_text(page(collect()), encoding="utf-8")
        return 0
    except CoverageError as error:
        print(f"tests/run --coverage: {error}", file=sys.stderr)
        return 1
