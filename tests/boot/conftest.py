"""Options and marks of the boot tests.

  --shard=I/N    run every N-th test, from the I-th on: tests/run starts one pytest for each shard
  --soak=N       N random combinations of misbehaviours, from --seed=S on, instead of the fixed ones (test_combined.py)
  mark quick     the rows that `tests/run --quick` runs
  mark long      the rows that only `tests/run --long` runs

And the images of the adversary (tests/firmware/README.md).
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "image"), str(ROOT / "tests" / "boot")]

import machine


def pytest_addoption(parser):
    parser.addoption("--shard", default="0/1", metavar="I/N")
    parser.addoption("--soak", type=int, metavar="N")
    parser.addoption("--seed", type=int, metavar="S")


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: one of the few boots of tests/run --quick")
    config.addinivalue_line("markers", "long: a boot of tests/run --long only")


def pytest_collection_modifyitems(config, items):
    shard, count = map(int, config.getoption("--shard").split("/"))
    kept = items[shard::count]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def put(image, source, target):
    """Copies a file into the image's file system."""
    subprocess.run(["mcopy", "-o", "-i", f"{image}@@{machine.ESP_OFFSET}", source, f"::{target}"],
                   stdin=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="session")
def base_image(tmp_path_factory):
    """The image that people boot, with the adversary in the kernel's place."""
    image = tmp_path_factory.mktemp("adversary") / "adversary.img"
    machine.copy_sparse(machine.IMAGE, image)
    put(image, ROOT / "build" / "adversary.efi", "/EFI/BOOT/BOOTX64.EFI")
    put(image, ROOT / "build" / "keel.efi", "/keel/keel.efi")
    return image


@pytest.fixture
def image_of(base_image, tmp_path):
    """Makes an image for a script of the adversary: lines, separated by ';'."""
    def make(script):
        image, text = tmp_path / "row.img", tmp_path / "adversary.txt"
        machine.copy_sparse(base_image, image)
        text.write_text("\n".join(line.strip() for line in script.split(";")) + "\n")
        put(image, text, "/keel/adversary.txt")
        return image
    return make
