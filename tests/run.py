"""Builds Keel and runs its tests: lint, units, fuzzing, replay of memory maps, boots in QEMU. Started by tests/run.

The last line is "N passed, N failed" and counts single tests; the exit status is 0 only if some passed and none failed.
A job that crashes, hangs or leaves no result counts as a failure, so that a silent harness cannot look like success.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import catalogue
import mutants

ROOT = Path(__file__).resolve().parent.parent
JOBS_AT_ONCE = 2            # a boot keeps about one CPU busy, whatever number of them the machine has
BOOT_SHARDS = 2
FUZZ_TARGETS = len(list((ROOT / "tests" / "fuzz" / "seeds").iterdir()))
UNIT_TIMEOUT_SECONDS = 300
PYTEST_TIMEOUT_SECONDS = 1800
SOAK_SECONDS = 5            # a combination takes half a second, on an idle machine

# failures: one text each. skipped: names, shown so that nobody takes them for passed. verdicts: of each test, a word.
Result = namedtuple("Result", "passed failures skipped verdicts", defaults=[{}])


def parse():
    parser = argparse.ArgumentParser(prog="tests/run", description="Build Keel and run its tests.", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="everything on the host, and only the quick boot rows")
    parser.add_argument("--long", action="store_true", help="the long boot rows too")
    parser.add_argument("--fuzz", type=float, metavar="MINUTES", help="only fuzz, for so long in all")
    parser.add_argument("--soak", type=int, metavar="N", help="only N random combinations of firmware's misbehaviours")
    parser.add_argument("--seed", type=int, metavar="S", help="with --soak: the first of N numbers that choose them")
    parser.add_argument("--mutants", action="store_true",
                        help="only break the rules, and see a test fail for each (-k NAME: one)")
    parser.add_argument("--coverage", action="store_true", help="only write docs/coverage.md, from the tests' marks")
    parser.add_argument("-k", metavar="WORDS", default="", help="only tests whose name matches (as pytest -k)")
    options = parser.parse_args()
    if (options.soak if options.soak is not None else 1) < 1 or (options.seed is not None and options.soak is None):
        parser.error("--soak N needs an N from 1 on, and --seed S goes with --soak only")
    return options


def build():
    """Everything that is tested, and the list of unit test programs from the build's own inventory."""
    ran = subprocess.run(["ninja", "-C", ROOT, "build/keel.efi", "build/keel.img", "build/keel.iso",
                          "build/keel.debug.efi", "unit", "fuzz", "build/host/mutate", "build/adversary.efi",
                          "build/loader.efi"], stdin=subprocess.DEVNULL)
    if ran.returncode != 0:
        return None
    listed = subprocess.run(["ninja", "-C", ROOT, "-t", "targets", "all"], stdout=subprocess.PIPE, check=True)
    return re.findall(r"^(build/unit/\w+_test): ", listed.stdout.decode(), re.MULTILINE)


def run(command, seconds, **environment):
    """(exit status, output); a time-out is a status of its own."""
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, status = process.communicate(timeout=seconds)[0], process.returncode
    except subprocess.TimeoutExpired:
        output, status = interrupted(process), f"timed out after {seconds} s"
    return status, output.decode(errors="replace")


def interrupted(process):
    """Ends it as Ctrl-C does, so that a pytest takes its QEMUs along; what it printed."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def tap_result(name, status, output):
    """Counts a TAP stream. Tests that were planned and never reported are failures, as is a bad exit status."""
    planned = sum(int(count) for count in re.findall(r"^1\.\.(\d+)", output, re.MULTILINE))
    lines = re.findall(r"^(ok|not ok) \d+ (?:- )?(.*)$", output, re.MULTILINE)
    # cmocka writes "not ok 3 # SKIP name", TAP itself "ok 3 - name # SKIP why"
    skipped = [f"{name}: {test}" for _, test in lines if re.search(r"# skip", test, re.IGNORECASE)]
    passed = sum(1 for verdict, test in lines if verdict == "ok" and f"{name}: {test}" not in skipped)
    failures = [f"{name}: {test}" for verdict, test in lines
                if verdict == "not ok" and f"{name}: {test}" not in skipped]
    failures += [f"{name}: a planned test never reported"] * max(planned - len(lines), 0)
    verdicts = {f"{name}: {test.split(':')[0]}": "passed" if verdict == "ok" else "failed" for verdict, test in lines}
    if planned == 0:
        failures.append(f"{name}: no test ran")
    if status != 0 and not failures:
        failures.append(f"{name}: exit status {status}")
    if failures:
        failures[0] += f" (exit status {status})\n{output}"
    return Result(passed, failures, skipped, verdicts)


def unit_command(program):
    """ThreadSanitizer before LLVM 18 dies where the kernel spreads addresses over 32 bits: without that, if we may."""
    fixed = ["setarch", "-R"]
    threads = program.endswith("_threads_test") and shutil.which(fixed[0])
    return [*fixed, program] if threads and run([*fixed, "true"], UNIT_TIMEOUT_SECONDS)[0] == 0 else [program]


def unit_job(programs):
    total = Result(0, [], [])
    for program in programs:
        status, output = run(unit_command(program), UNIT_TIMEOUT_SECONDS, CMOCKA_MESSAGE_OUTPUT="TAP",
                             ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1",
                             UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
        total = add(total, tap_result(program, status, output))
    return total


def pytest_job(name, arguments, seconds=PYTEST_TIMEOUT_SECONDS):
    with tempfile.TemporaryDirectory(prefix="keel-") as directory:
        report = Path(directory, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
        status, output = run(command, seconds, PYTHONDONTWRITEBYTECODE="1")
        return junit_result(name, status, output, report)


def junit_result(name, status, output, report):
    if status == 5:  # pytest: no test matched; whether any ran at all is judged at the end
        return Result(0, [], [])
    if status not in (0, 1) or not report.is_file():
        return Result(0, [f"{name}: pytest ended with {status}\n{output}"], [])
    passed, failures, skipped, verdicts = 0, [], [], {}
    for case in ElementTree.parse(report).iter("testcase"):
        title = f"{case.get('classname')}::{case.get('name')}"
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        verdicts[title] = "passed"
        if bad is not None:
            failures.append(f"{title}\n{bad.text}")
            verdicts[title] = "failed"
        elif case.find("skipped") is not None:
            skipped.append(f"{title}: {case.find('skipped').get('message')}")
            verdicts[title] = "skipped"
        else:
            passed += 1
    if status == 1 and not failures:
        failures.append(f"{name}: pytest failed without naming a test\n{output}")
    return Result(passed, failures, skipped, verdicts)


def add(one, other):
    return Result(one.passed + other.passed, one.failures + other.failures, one.skipped + other.skipped,
                  {**one.verdicts, **other.verdicts})


def fuzz_job(options):
    """A short run of every target, or the time that the user gave, shared among them."""
    command, seconds = [sys.executable, "tests/fuzz/run.py"], PYTEST_TIMEOUT_SECONDS
    if options.fuzz:
        command += ["--seconds", str(max(1, int(options.fuzz * 60 / FUZZ_TARGETS)))]
        seconds += options.fuzz * 60
    return tap_result("fuzz", *run(command, seconds))


def boot_jobs(arguments, seconds=PYTEST_TIMEOUT_SECONDS):
    for shard in range(BOOT_SHARDS):
        name = f"boot {shard + 1}/{BOOT_SHARDS}"
        yield name, pytest_job, [name, [*arguments, f"--shard={shard}/{BOOT_SHARDS}"], seconds]


def soak_jobs(count, seed):
    """A failing test has its seed in its name: --soak 1 --seed SEED runs that one again."""
    first = random.randrange(1 << 32) if seed is None else seed
    print(f"soak: seeds {first} to {first + count - 1}", flush=True)
    yield from boot_jobs(["tests/boot/test_combined.py", f"--soak={count}", f"--seed={first}"],
                         PYTEST_TIMEOUT_SECONDS + count * SOAK_SECONDS)


def jobs(options, programs):
    """(name, function, arguments) in the order in which they start: boots last, they are the long ones."""
    if options.fuzz:
        yield "fuzz", fuzz_job, [options]
        return
    if options.soak:
        yield from soak_jobs(options.soak, options.seed)
        return
    words = ["-k", options.k] if options.k else []
    marks = "quick" if options.quick else "" if options.long else "not long"
    chosen = [program for program in programs if options.k in program]
    yield "lint", pytest_job, ["lint", ["tests/lint", *words]]
    yield "maps", pytest_job, ["maps", ["tests/maps", *words]]
    yield "qr", pytest_job, ["qr", ["tests/qr", *words]]
    if chosen:
        yield "unit", unit_job, [chosen]
    if options.k in "fuzz":
        yield "fuzz", fuzz_job, [options]
    yield from boot_jobs(["tests/boot", "-m", marks, *words])


def run_jobs(listed):
    total, start = Result(0, [], []), time.monotonic()
    with ThreadPoolExecutor(JOBS_AT_ONCE) as pool:
        running = {pool.submit(function, *arguments): name for name, function, arguments in listed}
        for future in as_completed(running):
            name = running[future]
            try:
                result = future.result()
            except Exception as error:  # a mistake in this file must not look like success either
                result = Result(0, [f"{name}: {error!r}"], [])
            print(f"{name:10} {result.passed} passed, {len(result.failures)} failed "
                  f"({time.monotonic() - start:.0f} s)", flush=True)
            for text in result.failures:
                print(f"FAILED {text}", flush=True)
            total = add(total, result)
    return total


def main():
    options = parse()
    if options.coverage:
        return catalogue.write_page()
    programs = build()
    if programs is None:
        total = Result(0, ["the build failed"], [])
        print("FAILED the build failed")
    elif options.mutants:
        return mutants.main(options.k)
    else:
        total = run_jobs(list(jobs(options, programs)))
        if not options.fuzz and not options.soak:
            catalogue.print_summary(total.verdicts, every_item=not options.k)
    for name in total.skipped:
        print(f"skipped {name}")
    print(f"{total.passed} passed, {len(total.failures)} failed", flush=True)
    return 0 if total.passed and not total.failures else 1


if __name__ == "__main__":
    sys.exit(main())
