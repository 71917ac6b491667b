"""The mutants of tests/mutants do not rot: each has its header, applies to this tree, and names a test that exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import catalogue
import mutants

PATCHES = sorted(mutants.FOLDER.glob("*.patch"))
RULES = 16
MUTANTS_MIN = 12


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_mutant(path):
    mutant = mutants.read(path)
    assert mutants.apply(mutant, mutants.ROOT, "--check") is None
    numbers = re.findall(r"\b[A-D]?\d+\b", mutant.rule)
    assert numbers, "names no rule of docs/architecture.md and no item of docs/firmware-quirks.md"
    known = {*catalogue.items(), *map(str, range(1, RULES + 1))}
    assert set(numbers) <= known


def test_all_name_tests_that_exist():
    named = [mutants.read(path).test for path in PATCHES]
    programs = [mutants.unit_program(test) for test in named]
    for program, test in filter(None, programs):
        catalogue.check_unit(program, test)
    by_pytest = [test for test, program in zip(named, programs) if not program]
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *by_pytest],
                         cwd=mutants.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_there_are_enough():
    rules = {number for path in PATCHES for number in re.findall(r"\b\d+\b", mutants.read(path).rule)}
    assert len(PATCHES) >= MUTANTS_MIN
    assert len(rules) >= MUTANTS_MIN, f"only rules {sorted(map(int, rules))} of docs/architecture.md are broken by one"


DIFF = ("diff --git a/boot/exit.h b/boot/exit.h\n--- a/boot/exit.h\n+++ b/boot/exit.h\n"
        "@@ -1,1 +1,1 @@\n-no such line\n+x\n")


def test_patch_that_does_not_apply_is_found(tmp_path):
    path = tmp_path / "rotten.patch"
    path.write_text("Rule: 1\nBreaks: nothing.\nCaught by: unit a.b\n\n" + DIFF)
    assert "exit.h" in mutants.apply(mutants.read(path), mutants.ROOT, "--check")


@pytest.mark.parametrize("head", ["", "Rule: 1\n\n", "Rule: 1\nCaught by: unit a.b\n\n",
                                  "Rule: 1\nBreaks: it.\nCaught by: unit a.b\n"])
def test_bad_header_is_found(tmp_path, head):
    path = tmp_path / "nameless.patch"
    path.write_text(head + DIFF)
    with pytest.raises(mutants.MutantError, match="nameless.patch"):
        mutants.read(path)


@pytest.mark.parametrize("verdict, good, said", [
    ("failed", True, "caught"), ("passed", False, "SURVIVED"), ("skipped", False, "FAILED"),
    ("did not run", False, "FAILED"), ("does not build", False, "FAILED")])
def test_verdicts(monkeypatch, verdict, good, said):
    """Only a test that ran and failed has caught it."""
    monkeypatch.setattr(mutants, "apply", lambda *_: None)
    monkeypatch.setattr(mutants, "run_test", lambda *_: mutants.Ran(verdict, ""))
    judged = mutants.judge(mutants.read(PATCHES[0]), mutants.ROOT)
    assert judged.good == good and judged.text.startswith(said)


def test_unsound_tests_prove_nothing(monkeypatch, capsys):
    chosen = [mutants.read(path) for path in PATCHES]
    first = chosen[0].test
    monkeypatch.setattr(mutants, "run_test", lambda test, _: mutants.Ran("failed" if test == first else "skipped", ""))
    copies = mutants.queue.Queue()
    copies.put(mutants.ROOT)
    sound, skipped = mutants.sound_only(chosen, copies)
    failed = sum(mutant.test == first for mutant in chosen)
    assert (sound, skipped) == ([], len(chosen) - failed)
    assert capsys.readouterr().out.count("on the unchanged tree") == failed
