"""Keel built by each clang that is here, warnings being errors, and booted: a course must not stop at an upgrade.

The oldest is what Debian 12 and Ubuntu 22.04 have; newer ones find other warnings, and lay the image out differently.
Each builds a copy of the tree of its own, for ninja does not build anew when the compiler changes.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

import harness

sys.path.append(str(harness.machine.ROOT / "tests"))

import mutants

VERSIONS = range(14, 23)  # image/setup: CLANG_OLDEST, CLANG_NEWEST
BUILD_SECONDS = 600


def tools(version):
    """Which tools of that version to name to the build; skips where one is missing."""
    names = {"CLANG": f"clang-{version}", "LLD_LINK": f"lld-link-{version}", "LLVM_AR": f"llvm-ar-{version}"}
    for name in names.values():
        if not shutil.which(name):
            pytest.skip(f"without {name}")
    return names


@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
def test_builds_without_a_warning_and_boots(version, tmp_path):
    environment = dict(os.environ, CI="1", **tools(version))
    mutants.copy_sources(tmp_path)
    built = subprocess.run(["ninja", "-C", tmp_path, "build/keel.img", "build/keel.debug.efi"], env=environment,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=BUILD_SECONDS)
    assert built.returncode == 0, built.stdout[-8000:]
    assert "warning:" not in built.stdout  # the linker's, which -Werror does not reach
    ended = harness.run('test=all run="mem; frames; poweroff"', image=tmp_path / "build" / "keel.img")
    assert re.search(r"^# \d+ passed, 0 failed", ended.text, re.MULTILINE), ended.text[-4000:]
    assert re.search(r"^frame-check: ok\s*$", ended.text, re.MULTILINE), ended.text[-4000:]
    harness.ledger(ended.text)
    assert ended.status == 0, ended.messages
