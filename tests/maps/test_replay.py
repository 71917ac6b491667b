"""Every map through build/host/replay, compared run by run with the model; and every file that it must refuse."""

import os
import pathlib
import random
import re
import subprocess

import pytest

import model

HERE = pathlib.Path(__file__).parent
REPLAY = os.environ.get("REPLAY", str(HERE.parent.parent / "build" / "host" / "replay"))
RECORDED = sorted(HERE.glob("*.map"))
MADE = sorted((HERE / "made").glob("*.map"))
LEDGER = re.compile(r"ledger: total=(\d+) free=(\d+) used=(\d+) firmware=(\d+) low=(\d+) reclaimed=(\d+)"
                    r" unaccounted=0")
OWNERS = {"low", "free", "used", "firmware", "reserved", "mmio", "unaccepted", "persistent", "unknown"}


def maps(paths, outcome):
    """A parameter for each map; its line "# catalogue: B32 B33" names items of docs/firmware-quirks.md."""
    for path in paths:
        items = re.findall(rb"^# catalogue: (.+)$", path.read_bytes(), re.MULTILINE)
        marks = [pytest.mark.quirk(item.decode(), outcome=outcome, row=f"map {path.stem}")
                 for item in b" ".join(items).split()]
        yield pytest.param(path, id=path.stem, marks=marks)


def replay(*arguments):
    return subprocess.run([REPLAY, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)


def parse(output):
    """(runs, ledger) of a successful replay --pages."""
    lines = output.splitlines()
    match = LEDGER.fullmatch(lines[-1])
    assert match, lines[-1]
    ledger = dict(zip(["total", "free", "used", "firmware", "low", "reclaimed"], map(int, match.groups())))
    runs = []
    for line in lines:
        words = line.split()
        if words[0] in OWNERS:
            runs.append([words[0], int(words[1], 16), int(words[2])])
    return runs, ledger


def check(path, *arguments):
    result = replay(path, "--pages", *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    runs, ledger = parse(result.stdout)
    rows = model.read(path)

    assert runs == model.merge(runs), "runs of one owner are printed as one, sorted"
    ours = [["ours" if run[0] in ("free", "used") else run[0], run[1], run[2]] for run in runs]
    assert model.merge(ours) == model.owners(rows)

    for term in ("free", "used", "firmware", "low"):
        assert ledger[term] == sum(pages for owner, _, pages in runs if owner == term), term
    expected = model.totals(rows)
    assert ledger["free"] + ledger["used"] == expected.pop("ours")
    assert {term: ledger[term] for term in expected} == expected
    return ledger


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("path", maps(RECORDED + MADE, "the model's totals, page by page"))
def test_map(path, cpus):
    check(path, "--cpus", cpus)


@pytest.mark.quirk("A7", outcome="the totals stay", row="map strides")
@pytest.mark.parametrize("stride", [40, 41, 48, 56, 64])
def test_stride(stride):
    plain = check(HERE / "made" / "overlapping.map")
    assert check(HERE / "made" / "overlapping.map", "--stride", stride) == plain


@pytest.mark.quirk("A8", outcome="refused: boot/ guesses it before", row="map stride 0")
@pytest.mark.parametrize("stride", [0, 39])
def test_stride_below_the_descriptor_is_refused(stride):
    result = replay(HERE / "made" / "overlapping.map", "--stride", stride)
    assert (result.returncode, result.stdout) == (1, "")
    assert "malformed" in result.stderr


def write(path, rows):
    path.write_text("".join(f"{t} {start:#x} {pages} {attribute:#x}\n" for t, start, pages, attribute in rows))
    return path


@pytest.mark.quirk("B21", outcome="the model's totals, page by page", row="map page 0 of each type")
@pytest.mark.parametrize("memory_type", list(range(17)) + [0x70000001, 0x80000001])
@pytest.mark.parametrize("attribute", [0xF, 0x800000000000000F, 0])
def test_page_zero_of_each_type(tmp_path, memory_type, attribute):
    rows = [(memory_type, 0, 1, attribute), (7, 0x1000, 159, 0xF), (7, 0x100000, 32512, 0xF)]
    check(write(tmp_path / "page0.map", rows))


@pytest.mark.quirk("A5", outcome="the model's totals, page by page", row="map of many descriptors")
@pytest.mark.parametrize("count", [1000, 4094])
@pytest.mark.parametrize("pages", [1, 16, 100])
def test_many_descriptors(tmp_path, count, pages):
    """Types in turn, in small pieces, after one region that the tables fit into."""
    rows = [(7, 0x1000, 159, 0xF), (7, 0x100000, 4096, 0xF)]
    start = 0x1100000
    for i in range(count):
        rows.append(([7, 4, 0, 3, 6, 2][i % 6], start, pages, 0xF))
        start += pages * 4096
    check(write(tmp_path / "many.map", rows), "--cpus", 2)


@pytest.mark.quirk("A5", outcome="refused, by name", row="map of one descriptor too many")
def test_one_descriptor_too_many(tmp_path):
    rows = [(7, 0x100000 + i * 0x2000, 1, 0xF) for i in range(4097)]
    result = replay(write(tmp_path / "limit.map", rows))
    assert result.returncode == 2
    assert f"{tmp_path}/limit.map:4097: more than 4096 descriptors" in result.stderr


def test_a_hole_costs_nothing(tmp_path):
    """512 MiB at 0 and at 1 TiB: what the kernel keeps is what it keeps of 1 GiB, but for 4 bytes a section of the way
    there (8 pages) and page tables of their own. Described like memory, the hole would cost 35 MiB.
    """
    islands = check(HERE / "made" / "two-islands.map")
    side_by_side = [(7, 0, 160, 0xF), (7, 0x100000, 130816, 0xF),
                    (4, 0x20000000, 4096, 0xF), (7, 0x21000000, 126976, 0xF)]
    together = check(write(tmp_path / "together.map", side_by_side))
    assert islands["total"] == together["total"]
    assert islands["used"] <= together["used"] + 12


@pytest.mark.parametrize("seed", range(40))
def test_random_map(tmp_path, seed):
    """Overlaps, odd bases and odd attributes without any plan, over one region that memory is sure to be left of."""
    dice = random.Random(seed)
    rows = [(7, 0x40000000, 16384, 0xF)]
    for _ in range(dice.randrange(1, 60)):
        memory_type = dice.choice([*range(16), 7, 7, 4, 3, 2, 0x80000001])
        start = dice.randrange(0, 0x3F000) << 12
        if dice.random() < 0.1:
            start += dice.randrange(1, 4096)
        attribute = dice.choice([0xF, 0xF, 0xF, 0xF, 0x1, 0, 0x4000F, 0x800000000000000F])
        rows.append((memory_type, start, dice.choice([0, 1, 2, 5, 512, 3000]), attribute))
    dice.shuffle(rows)
    check(write(tmp_path / "random.map", rows), "--cpus", 2)


@pytest.mark.parametrize("path", maps(sorted((HERE / "refused").glob("*.map")), "refused, by name"))
def test_refused(path):
    result = replay(path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert f"{path}: refused: " in result.stderr


def test_no_conventional_memory_is_named():
    for stem in ("no-conventional", "only-low-conventional", "all-withheld", "all-overlaid"):
        assert "no usable Conventional memory" in replay(HERE / "refused" / f"{stem}.map").stderr


MALFORMED = {
    "number": 3, "hexadecimal-pages": 2, "negative": 2, "missing-column": 1, "extra-column": 1, "pages-overflow": 1,
    "start-overflow": 1, "type-overflow": 1, "bare-prefix": 1, "empty": 0, "comments-only": 2, "binary": 2,
    "type-by-name": 2, "not-ascii": 2,
}


@pytest.mark.parametrize("path", maps(sorted((HERE / "malformed").glob("*.map")), "refused, by line"))
def test_malformed(path):
    result = replay(path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"{path}:{MALFORMED[path.stem]}: ")
    assert result.stderr.count("\n") == 1


def test_unreadable(tmp_path):
    for path in (tmp_path / "absent.map", tmp_path):
        result = replay(path)
        assert result.returncode == 2
        assert result.stderr.startswith(f"{path}: cannot read: ")


@pytest.mark.parametrize("arguments", [[], ["--cpus"], ["--cpus", "0"], ["--cpus", "many"], ["--nonsense"],
                                       ["--stride", "-1"], ["a.map", "b.map"]])
def test_usage(arguments):
    result = replay(*arguments)
    assert result.returncode == 2
    assert "usage: replay FILE.map" in result.stderr
