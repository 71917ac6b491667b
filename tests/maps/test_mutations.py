"""Seeded mutations of the recorded maps, each through the whole life of mm and against the reference model in C.

build/host/mutate does them all in one process. What breaks says its seed; that one again, and its map for replay:

    build/host/mutate --seed S MAPS...
    build/host/mutate --seed S --print MAPS... > broken.map
"""

import os
import subprocess

import pytest

import test_replay

MUTATE = os.environ.get("MUTATE", str(test_replay.HERE.parent.parent / "build" / "host" / "mutate"))
COUNT = int(os.environ.get("MUTATIONS", "10000"))
PARTS = 4                                   # so that xdist can share them out and a failure comes early


def mutate(*arguments):
    command = [MUTATE, *map(str, arguments), *map(str, test_replay.RECORDED)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize("part", range(PARTS))
def test_mutations(part):
    count = COUNT // PARTS
    result = mutate("--seed", 1 + part * count, "--count", count)
    assert result.returncode == 0, result.stderr
    assert f"{count} mutations of {len(test_replay.RECORDED)} maps" in result.stdout


@pytest.mark.parametrize("seed", range(1, 31))
def test_two_models_agree(tmp_path, seed):
    """The model in Python never saw the one in C: both must say of a mutated map what mm says."""
    printed = mutate("--seed", seed, "--print")
    assert printed.returncode == 0, printed.stderr
    path = tmp_path / "mutated.map"
    path.write_text(printed.stdout)
    if "Conventional memory" in test_replay.replay(path).stderr:
        pytest.skip("no room in it")
    test_replay.check(path)


def test_a_seed_says_the_same_twice():
    assert mutate("--seed", 7, "--print").stdout == mutate("--seed", 7, "--print").stdout
    assert mutate("--seed", 7, "--print").stdout != mutate("--seed", 8, "--print").stdout


@pytest.mark.parametrize("arguments", [["--seed"], ["--seed", "x"], ["--count", "-1"], ["--nonsense"]])
def test_usage(arguments):
    result = mutate(*arguments)
    assert result.returncode == 2
    assert "usage: mutate" in result.stderr
