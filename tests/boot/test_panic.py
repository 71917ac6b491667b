"""Panics: every kind of fault ends in one readable text and a failing verdict, never in a reset."""

import re

import pytest

import gdb
import harness
import symbols

# kind: what the `fault` command does. said: what the panic must name besides.
FAULTS = [
    pytest.param("page", r"page fault|#PF", id="page", marks=pytest.mark.quick),
    pytest.param("write-text", r"page fault|#PF", id="write-text"),
    pytest.param("exec-data", r"page fault|#PF", id="exec-data"),
    # Needs the IST stack: there is no room left to push the exception on
    pytest.param("stack-overflow", r"guard|stack", id="stack-overflow"),
    # The last moment before it would return to what was written over the return address
    pytest.param("stack-smash", r"^panic: stack smashed in fault_stack_smash\+0x", id="stack-smash"),
    pytest.param("divide", r"divide|#DE", id="divide"),
    # Needs the IST stack too; one step on is the triple fault, a silent reset
    pytest.param("double", r"double|#DF", id="double"),
]


def check_addresses(report):
    """The base that a panic tells turns each address of its backtrace into the place that it names, and no other."""
    base, slide = re.search(r"^  image base ([0-9a-f]{16}), slid by 0x([0-9a-f]+)\s*$", report, re.MULTILINE).groups()
    assert int(base, 16) - int(slide, 16) == gdb.KERNEL_BASE
    functions = dict((name, rva) for rva, name in symbols.read_map(gdb.KERNEL_MAP))
    lines = re.findall(r"^  #\d+ 0x([0-9a-f]{16}) (\w+)\+0x([0-9a-f]+)", report, re.MULTILINE)
    assert lines, report
    for address, name, offset in lines:
        assert int(address, 16) == int(base, 16) + functions[name] + int(offset, 16), report


def check_panic(ended):
    """What every panic must be; returns its text."""
    assert ended.text.count("keel: ready") == 1, "it booted more than once, or never"
    assert len(re.findall(r"^panic: ", ended.text, re.MULTILINE)) == 1, ended.text[-4000:]
    report = ended.text[ended.text.index("panic: "):]
    # The backtrace: function names with offsets, among them the one that was asked to fault
    named = re.findall(r"\b([a-z_][a-z0-9_]*)\+0x[0-9a-f]+", report)
    assert any("fault" in name for name in named), report
    check_addresses(report)
    assert ended.status == 1, ended.messages
    assert "panicked" in ended.messages
    return report


@pytest.mark.parametrize("kind, said", FAULTS)
def test_fault_ends_in_a_readable_panic(kind, said):
    report = check_panic(harness.boot(f'run="fault {kind}"', cpus=2))
    assert re.search(said, report, re.IGNORECASE | re.MULTILINE), report


def test_panic_on_another_cpu():
    """Any CPU can panic, and stops the others: the boot CPU must not go on and print between the lines.

    Through image/run, as a person sees it.
    """
    report = check_panic(harness.run('run="fault page 1"', cpus=4))
    assert re.search(r"\bcpu 1\b", report, re.IGNORECASE), report


def test_panic_on_uboot():
    """The same on a second firmware: other page tables and another IDT were there before ours."""
    check_panic(harness.run('run="fault page"', firmware="uboot"))
