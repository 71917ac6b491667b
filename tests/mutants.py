"""Breaks the rules of the hand-off one at a time, and shows that a test notices each: tests/run --mutants.

A mutant is tests/mutants/NAME.patch: a header of plain text, then a diff that breaks one rule and still builds.

    Rule: 2, A1                                     of docs/architecture.md, items of docs/firmware-quirks.md
    Breaks: the first stale key is the last try.    what a person would have to forget
    Caught by: tests/boot/test_firmware.py::test_misbehaving_firmware[stale-1]
               unit boot_exit.stale_keys_are_retried            (the other way to name one)

Two private copies of the tree, each with its build, take one mutant after the other: apply, build, run the named test,
take back. The user's tree is only read. On the unchanged tree every named test runs first; one that fails anyway proves
nothing, one that this machine skips neither. A mutant that does not apply, or does not build, is a failure; so is one
whose test did not run.
"""

import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "mutants"
COPIES = 2
BUILD_SECONDS = 300
TEST_SECONDS = 300          # a kernel that hangs is waited for as long as the test itself waits
HEADER = re.compile(r"Rule: (?P<rule>.+)\nBreaks: (?P<breaks>.+(?:\n  .+)*)\nCaught by: (?P<test>.+)\n\s*\ndiff ")
BOOT_TARGETS = ["build/keel.img", "build/adversary.efi", "build/loader.efi"]
MAPS_TARGETS = ["build/host/replay", "build/host/mutate"]

Mutant = namedtuple("Mutant", "name path rule breaks test")
Ran = namedtuple("Ran", "verdict output")       # passed, failed, skipped, did not run, does not build
Verdict = namedtuple("Verdict", "good text")


class MutantError(Exception):
    """A patch without a proper header; a copy that cannot be made, or not be used again."""


def read(path):
    found = HEADER.match(path.read_text(encoding="utf-8"))
    if not found:
        raise MutantError(f"{path.name}: must begin with the lines Rule:, Breaks: and Caught by:, and a blank one")
    return Mutant(path.stem, path, **found.groupdict())


def mutants(words=""):
    return [read(path) for path in sorted(FOLDER.glob("*.patch")) if words in path.stem]


def unit_program(test):
    """(program, test) of "unit PROGRAM.TEST", or None."""
    found = re.fullmatch(r"unit (\w+)\.(\w+)", test)
    return found.groups() if found else None


def short(test):
    return test.split("::")[-1]


# ---- A copy of the tree ----

def run(command, directory, seconds, **environment):
    """(status, output); the status of what takes too long is None, and nothing of it is left running."""
    process = subprocess.Popen(command, cwd=directory, env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output = process.communicate(timeout=seconds)[0]
        return process.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # a QEMU that a test started too
        return None, process.communicate()[0].decode(errors="replace")


def copy_sources(directory):
    """The sources as they are now, with their times, whether committed or not."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            stdout=subprocess.PIPE, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name, follow_symlinks=False)


def make_copy(directory):
    """The sources, and the build with its times, so that ninja builds only what a mutant changes."""
    copy_sources(directory)
    unused = shutil.ignore_patterns("fuzz*", "snapshots")
    shutil.copytree(ROOT / "build", directory / "build", symlinks=True, ignore=unused)
    return directory


def apply(mutant, directory, *options):
    # The ceiling: a temporary directory inside somebody's repository must not make git look there
    status, output = run(["git", "apply", *options, mutant.path], directory, BUILD_SECONDS,
                         GIT_CEILING_DIRECTORIES=str(directory.parent))
    return None if status == 0 else output


def build(test, directory):
    """None, or what the compiler said."""
    program = unit_program(test)
    targets = [f"build/unit/{program[0]}_test"] if program else MAPS_TARGETS if "/maps/" in test else BOOT_TARGETS
    status, output = run(["ninja", *targets], directory, BUILD_SECONDS)
    return None if status == 0 else output


# ---- One test ----

def run_unit(program, test, directory):
    """A program that dies before it reports the test has not run it, whatever killed it."""
    output = run([directory / f"build/unit/{program}_test"], directory, TEST_SECONDS, CMOCKA_MESSAGE_OUTPUT="TAP")[1]
    found = re.search(rf"^(ok|not ok) \d+ - {test}$", output, re.MULTILINE)
    verdicts = {None: "did not run", "ok": "passed", "not ok": "failed"}
    return Ran(verdicts[found and found.group(1)], output)


def run_pytest(test, directory):
    """pytest ends with 0 when none failed, with 1 when one did, with another number when none ran."""
    status, output = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test], directory,
                         TEST_SECONDS, PYTHONDONTWRITEBYTECODE="1")
    passed_or_not = "passed" if re.search(r"^1 passed", output, re.MULTILINE) else "skipped"
    return Ran({0: passed_or_not, 1: "failed", None: "failed"}.get(status, "did not run"), output)


def run_test(test, directory):
    problem = build(test, directory)
    if problem:
        return Ran("does not build", problem)
    program = unit_program(test)
    return run_unit(*program, directory) if program else run_pytest(test, directory)


# ---- Verdicts ----

def judge(mutant, directory):
    problem = apply(mutant, directory)
    if problem:
        return Verdict(False, f"FAILED   {mutant.name}: the patch does not apply\n{problem}")
    try:
        ran = run_test(mutant.test, directory)
    finally:
        problem = apply(mutant, directory, "--reverse")
        if problem:
            raise MutantError(f"{mutant.name}: cannot be taken back\n{problem}")
    if ran.verdict in ("failed", "passed"):
        word = "caught  " if ran.verdict == "failed" else "SURVIVED"
        return Verdict(ran.verdict == "failed", f"{word} {mutant.name}: {short(mutant.test)}")
    return Verdict(False, f"FAILED   {mutant.name}: {short(mutant.test)} {ran.verdict}\n{ran.output}")


def in_copies(copies, function, things):
    """Yields function(thing, directory) of each, as many at a time as there are copies."""
    def work(thing):
        directory = copies.get()
        try:
            return function(thing, directory)
        finally:
            copies.put(directory)
    with ThreadPoolExecutor(copies.qsize()) as pool:
        yield from pool.map(work, things)


def sound_only(chosen, copies):
    """The mutants whose test passes on the unchanged tree, and how many's is skipped. Says why not, of the others."""
    tests = list(dict.fromkeys(mutant.test for mutant in chosen))
    ran = dict(zip(tests, in_copies(copies, run_test, tests)))
    for mutant in chosen:
        verdict, output = ran[mutant.test]
        if verdict == "skipped":
            print(f"skipped  {mutant.name}: so is {short(mutant.test)}, on this machine", flush=True)
        elif verdict != "passed":
            print(f"FAILED   {mutant.name}: {short(mutant.test)} {verdict} on the unchanged tree\n{output}", flush=True)
    skipped = sum(ran[mutant.test].verdict == "skipped" for mutant in chosen)
    return [mutant for mutant in chosen if ran[mutant.test].verdict == "passed"], skipped


def play(chosen, directory):
    """Prints what became of each; how many were caught, and of how many that cannot be said."""
    copies = queue.Queue()
    for number in range(COPIES):
        copies.put(make_copy(Path(directory, str(number))))
    sound, skipped = sound_only(chosen, copies)
    good = 0
    for verdict in in_copies(copies, judge, sound):
        good += verdict.good
        print(verdict.text, flush=True)
    return good, len(chosen) - skipped - good


def main(words):
    """The exit status. words: only mutants with them in their name."""
    try:
        chosen = mutants(words)
        with tempfile.TemporaryDirectory(prefix="keel-") as directory:
            good, bad = play(chosen, directory)
    except MutantError as error:
        print(f"FAILED {error}")
        good, bad = 0, 1
    print(f"{good} passed, {bad} failed", flush=True)
    return 0 if good and not bad else 1
