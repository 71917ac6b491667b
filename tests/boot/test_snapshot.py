"""The snapshots that the other boot tests start from: when one serves, and that a bad one is not passed over."""

import os
import time

import pytest

import harness
import machine
import snapshot


def shape(**wishes):
    return snapshot.shape(machine.Machine(**{"cpus": 1, "loader": snapshot.LOADER, **wishes}))


def test_shape_is_all_but_the_disk():
    assert shape(image="a.img", serial="unix:a", command_line="a") == shape(image="b.img", serial="unix:b")
    different = [{}, {"cpus": 2}, {"memory": "1G"}, {"extra": ["-device", "edu"]}]
    assert len({shape(**wishes) for wishes in different}) == len(different)


def test_disk_is_read_anew():
    """Two machines from one snapshot: nothing of the first one's disk is known to the second."""
    for number in (1, 2):
        with harness.Running(f'run="cpus" font=disk-{number}', cpus=1) as keel:
            keel.wait(rf"^keel: command line: .* font=disk-{number}$")


def test_damaged_snapshot_is_named(tmp_path, monkeypatch):
    """A failure with the file's name and QEMU's words: no silent start from reset, no waiting."""
    wished = machine.Machine(cpus=1, loader=snapshot.LOADER)
    whole = snapshot.of(wished)
    with open(whole, "rb") as file:
        (tmp_path / whole.name).write_bytes(file.read(1 << 20))
    monkeypatch.setattr(snapshot, "DIRECTORY", tmp_path)
    with pytest.raises(AssertionError, match=rf"{whole.name} does not start(.|\n)*load of migration failed"):
        with harness.Running(cpus=1):
            pass


def test_stale_snapshots_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot, "DIRECTORY", tmp_path)
    hour, week = snapshot.KEPT_OTHERS_SECONDS, snapshot.KEPT_SECONDS
    ages = {f"{snapshot.tools()}-used": hour * 2, f"{snapshot.tools()}-forgotten": week + 1,
            "another-in-use": hour / 2, "another-replaced": hour * 2, "lock": week * 2}
    for name, seconds in ages.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - seconds,) * 2)
    snapshot.remove_stale()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f"{snapshot.tools()}-used", "another-in-use", "lock"])
