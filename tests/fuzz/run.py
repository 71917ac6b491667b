#!/usr/bin/env python3
"""Runs the fuzzers of build/fuzz, each from its seeds, and prints TAP.

    tests/fuzz/run.py                         a short run of each: the seeds, then RUNS_SHORT inputs
    tests/fuzz/run.py --seconds 60 mm acpi    these, a minute each; what is found stays in build/fuzz-corpus
    tests/fuzz/run.py acpi build/fuzz-crashes/acpi-crash-...    one input again

`ninja fuzz` builds them. An input that breaks a rule is kept in build/fuzz-crashes; once understood it becomes a unit
test, and a seed under a name that says what it was.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = ROOT / "build" / "fuzz"
CRASHES = ROOT / "build" / "fuzz-crashes"
CORPUS = ROOT / "build" / "fuzz-corpus"
SEEDS = HERE / "seeds"
RUNS_SHORT = 10000
SECONDS_SHORT = 5               # whichever comes first
INPUT_BYTES_MAX = 2048
LATE_SECONDS = 60               # beyond the time it was given: it hangs
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=16",
              "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


def targets():
    """One target is one .c file with LLVMFuzzerTestOneInput in it."""
    return sorted(path.stem for path in HERE.glob("*.c") if "LLVMFuzzerTestOneInput" in path.read_text())


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("--seconds", type=int, help="so long for each target, instead of a short run")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("what", nargs="*", metavar="target", help="all by default; then files: only those inputs")
    arguments = parser.parse_args()
    known = targets()
    arguments.inputs = [name for name in arguments.what if name not in known]
    arguments.targets = [name for name in arguments.what if name in known] or known
    wrong = [name for name in arguments.inputs if not Path(name).is_file()]
    if wrong or (arguments.inputs and len(arguments.targets) != 1):
        parser.error(f"neither a target nor a file: {' '.join(wrong)}" if wrong else "inputs are of one target")
    return arguments


def command(name, seconds, inputs, new_inputs):
    """libFuzzer writes what it finds interesting into the first folder, which must not be that of the seeds."""
    options = [f"-artifact_prefix={CRASHES}/{name}-", "-print_final_stats=1", "-timeout=20", "-rss_limit_mb=1024"]
    if inputs:
        return [PROGRAMS / name, *options, *inputs]
    options += [f"-max_len={INPUT_BYTES_MAX}", f"-max_total_time={seconds or SECONDS_SHORT}"]
    if seconds is None:
        return [PROGRAMS / name, *options, "-seed=1", f"-runs={RUNS_SHORT}", new_inputs, SEEDS / name]
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    return [PROGRAMS / name, *options, CORPUS / name, SEEDS / name]


def fuzz(name, seconds, inputs):
    """(good, comment, output)."""
    allowed = (seconds or SECONDS_SHORT) + LATE_SECONDS
    try:
        with tempfile.TemporaryDirectory() as scratch:
            ran = subprocess.run(command(name, seconds, inputs, scratch), cwd=ROOT, env={**os.environ, **SANITIZERS},
                                 timeout=allowed, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        return False, "not built: ninja fuzz", ""
    except subprocess.TimeoutExpired:
        return False, f"hangs: still running after {allowed} s", ""
    output = ran.stdout.decode(errors="replace")
    runs = re.search(r"number_of_executed_units: (\d+)", output)
    covered = re.findall(r"cov: (\d+)", output)
    comment = f"{runs[1] if runs else len(inputs)} runs" + (f", {covered[-1]} edges" if covered else "")
    if ran.returncode == 0 and not inputs and (runs is None or int(runs[1]) == 0):
        return False, "no input was run", output
    return ran.returncode == 0, comment, output


def main():
    arguments = parse()
    CRASHES.mkdir(parents=True, exist_ok=True)
    print(f"1..{len(arguments.targets)}")
    failed = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [pool.submit(fuzz, name, arguments.seconds, arguments.inputs) for name in arguments.targets]
        for number, (name, job) in enumerate(zip(arguments.targets, jobs), 1):
            good, comment, output = job.result()
            failed += not good
            print(f"{'ok' if good else 'not ok'} {number} - fuzz {name}: {comment}", flush=True)
            if not good:
                print("".join(f"# {line}\n" for line in output.splitlines()[-60:]), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
