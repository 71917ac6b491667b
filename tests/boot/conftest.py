"""Options and marks of the boot tests.

  --shard=I/N    run every N-th test, from the I-th on: tests/run starts one pytest for each shard
  mark quick     the rows that `tests/run --quick` runs
  mark long      the rows that only `tests/run --long` runs
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "image"), str(ROOT / "tests" / "boot")]


def pytest_addoption(parser):
    parser.addoption("--shard", default="0/1", metavar="I/N")


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: one of the few boots of tests/run --quick")
    config.addinivalue_line("markers", "long: a boot of tests/run --long only")


def pytest_collection_modifyitems(config, items):
    shard, count = map(int, config.getoption("--shard").split("/"))
    kept = items[shard::count]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
