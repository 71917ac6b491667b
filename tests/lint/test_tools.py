"""Tests of the tools that judge: image/run's verdict, tests/run's counting, the search for firmware.

What they must never do is report success for something that did not happen.
"""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "image"), str(ROOT / "tests")]

import firmware
import machine
import pe_image
import waiting


def module(name, path):
    """image/run.py and tests/run.py have the same module name: each gets one of its own."""
    import importlib.util
    specification = importlib.util.spec_from_file_location(name, ROOT / path)
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


runner = module("image_run", "image/run.py")
tests = module("tests_run", "tests/run.py")


@pytest.mark.parametrize("code, reason, status", [
    (0, "guest-shutdown", runner.OK),
    (0, "guest-reset", runner.FAILED),
    (0, "guest-panic", runner.FAILED),
    (0, "host-qmp-quit", runner.ENDED_FROM_OUTSIDE),
    (0, "host-signal", runner.ENDED_FROM_OUTSIDE),
    (0, None, runner.ENDED_FROM_OUTSIDE),
    (machine.EXIT_PANIC, None, runner.FAILED),
    # Newer QEMUs report isa-debug-exit as a shutdown by the guest: the code still tells
    (machine.EXIT_PANIC, "guest-shutdown", runner.FAILED),
    (machine.EXIT_TESTS_FAILED, "guest-shutdown", runner.FAILED),
    (1, "guest-shutdown", runner.FAILED),
    (1, None, runner.NOT_STARTED),
    (-6, None, runner.FAILED),
])
def test_verdict(code, reason, status):
    got, sentence = runner.verdict(code, reason)
    assert got == status
    assert (sentence is None) == (status == runner.OK)


@pytest.mark.parametrize("status, output, passed, failed", [
    (0, "1..2\nok 1 - a\nok 2 - b\n", 2, 0),
    (0, "1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n", 3, 0),
    (1, "1..2\nok 1 - a\nnot ok 2 - b\n", 1, 1),
    (-11, "1..3\nok 1 - a\n", 1, 2),         # crashed in the second of three
    (1, "1..1\nok 1 - a\n", 1, 1),           # a sanitizer spoke up at exit
    (0, "", 0, 1),                           # nothing ran
    (0, "1..2\nok 1 - a\nok 2 - b # SKIP\n", 1, 0),
    (0, "1..2\nok 1 - a\nnot ok 2 # SKIP b\n", 1, 0),
    ("timed out after 1 s", "1..1\n", 0, 1),
])
def test_tap_is_counted(status, output, passed, failed):
    result = tests.tap_result("sample", status, output)
    assert (result.passed, len(result.failures)) == (passed, failed)


REPORT = """<testsuites><testsuite>
<testcase classname="a" name="good"/>
<testcase classname="a" name="bad"><failure message="m">why</failure></testcase>
<testcase classname="a" name="broken"><error message="m">why</error></testcase>
<testcase classname="a" name="left out"><skipped message="m"/></testcase>
</testsuite></testsuites>"""


def test_junit_is_counted(tmp_path):
    report = tmp_path / "report.xml"
    assert len(tests.junit_result("sample", 0, "", report).failures) == 1, "no report is a failure"
    report.write_text(REPORT)
    result = tests.junit_result("sample", 1, "", report)
    assert (result.passed, len(result.failures), len(result.skipped)) == (1, 2, 1)
    assert len(tests.junit_result("sample", 3, "", report).failures) == 1, "pytest's own crash is a failure"
    report.write_text("<testsuites/>")
    assert len(tests.junit_result("sample", 1, "", report).failures) == 1


SECURE = ["--firmware", "ovmf-secure"]


def test_what_is_built_is_signed_and_an_image_boots_as_it_is():
    assert runner.parse(SECURE).signed
    assert runner.parse([*SECURE, "--key", "a", "--cert", "b"]).signed
    assert not runner.parse([*SECURE, "--image", "a.img"]).signed, "or a tampered one would be made good"
    assert not runner.parse([]).signed
    for wrong in ([*SECURE, "--key", "a"], [*SECURE, "--cert", "b"], ["--key", "a", "--cert", "b"],
                  [*SECURE, "--image", "a.img", "--key", "a", "--cert", "b"]):
        with pytest.raises(SystemExit):
            runner.parse(wrong)


def test_gdb_has_the_symbols_of_what_boots():
    assert runner.parse(["--gdb"]).gdb_port == 1234 and runner.parse(["--gdb", "--gdb-port", "7"]).gdb_port == 7
    assert runner.parse([]).gdb_port is None
    for wrong in (["--gdb", "--image", "a.img"], ["--gdb-port", "7"]):
        with pytest.raises(SystemExit):
            runner.parse(wrong)
    assert "-gdb" not in options_of() and "-S" not in options_of()
    assert "tcp:127.0.0.1:7" in machine.Machine(gdb_port=7).command(), "for nobody but this machine's users"


def test_waiting_kernel_differs_at_its_entry_only(tmp_path):
    kernel = ROOT / "build" / "keel.efi"
    waiting.write(kernel, tmp_path / "waiting.efi")
    true, waits = kernel.read_bytes(), (tmp_path / "waiting.efi").read_bytes()
    image = pe_image.PeImage(kernel)
    at = image.offset(image.entry)
    assert waits[at:at + len(waiting.WAIT)] == waiting.WAIT != true[at:at + len(waiting.WAIT)]
    assert waits[:at] + waits[at + len(waiting.WAIT):] == true[:at] + true[at + len(waiting.WAIT):]
    (tmp_path / "text").write_text("not a PE")
    with pytest.raises(ValueError, match="not an EFI image"):
        pe_image.PeImage(tmp_path / "text")


def test_memory_sizes():
    assert [machine.memory_mib(text) for text in ("512", "512M", "2G", "1g")] == [512, 512, 2048, 1024]
    for text in ("", "0", "M", "12K", "-1", "1.5G"):
        with pytest.raises(machine.MachineError):
            machine.memory_mib(text)


def flash(path, size):
    path.write_bytes(bytes(size))
    return str(path)


def test_firmware_from_environment(tmp_path):
    code = flash(tmp_path / "OVMF_CODE_4M.secboot.fd", 3653632)
    variables = flash(tmp_path / "OVMF_VARS_4M.fd", 540672)
    small = flash(tmp_path / "small.fd", 131072)
    assert firmware.find("ovmf", {"OVMF_CODE": code}) == ("ovmf", code, variables)
    assert firmware.find("ovmf", {"OVMF_CODE": code, "OVMF_VARS": variables}) == ("ovmf", code, variables)
    for environment in ({"OVMF_CODE": code, "OVMF_VARS": small}, {"OVMF_CODE": str(tmp_path / "none.fd")}):
        with pytest.raises(firmware.FirmwareError):
            firmware.find("ovmf", environment)


def test_firmware_by_path(tmp_path):
    whole = flash(tmp_path / "board.rom", 4096)
    assert firmware.find(whole) == ("board.rom", whole, None)
    with pytest.raises(firmware.FirmwareError, match="ovmf-secure"):  # the names that it might have been
        firmware.find(str(tmp_path / "none.rom"))


def test_size_of_a_qcow2_flash(tmp_path):
    path = tmp_path / "OVMF_CODE_4M.qcow2"
    path.write_bytes(b"QFI\xfb".ljust(24, b"\0") + struct.pack(">Q", 3653632))
    assert firmware.flash_bytes(path) == 3653632


def options_of(*extra, **wishes):
    wished = machine.Machine(extra=extra, **wishes)
    return [word for word in wished.command() if word.startswith("-")]


def test_a_persons_arguments_replace_ours():
    assert options_of().count("-serial") == 1
    assert options_of("-serial", "none").count("-serial") == 1
    assert options_of("-display", "none").count("-display") == 1
    assert options_of("-accel", "tcg,thread=single").count("-accel") == 1
    assert options_of("-m", "3G").count("-m") == 1
    assert options_of("-nic", "user").count("-nic") == 1


def test_compile_commands_name_each_file_once_and_need_no_shell(tmp_path):
    """What clangd reads: a source of the kernel must come with the kernel's flags, for the host's lie about long."""
    out = tmp_path / "compile_commands.json"
    subprocess.run([sys.executable, ROOT / "image" / "compile_commands", out], check=True,
                   env={name: value for name, value in os.environ.items() if name not in ("CLANG", "CI")})
    found = {entry["file"]: entry["command"] for entry in json.loads(out.read_text())}
    assert len(found) == len(json.loads(out.read_text()))
    assert not any("$" in command for command in found.values())
    assert all(command.startswith("clang ") for command in found.values())
    for path in ("boot/exit.c", "kernel/main.c", "mm/frames.c", "drivers/pci.c"):
        assert "--target=x86_64-pc-windows-msvc" in found[path]
    assert "-fsanitize=address" in found["tests/unit/mm_test.c"]
