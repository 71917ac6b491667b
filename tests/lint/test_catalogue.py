"""docs/coverage.md says what the tests say, and every item of the catalogue is in it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import catalogue

STALE = "docs/coverage.md is not what the tests say now: run tests/run --coverage, and look at what it changed"


def test_page_is_current():
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.page(catalogue.collect()), STALE


def marks(monkeypatch, *covers):
    """As if only these were there."""
    monkeypatch.setattr(catalogue, "marked", lambda: [catalogue.Cover(*cover) for cover in covers])
    for table in ("UNIT", "FUZZ", "WHY_NOT"):
        monkeypatch.setattr(catalogue, table, {})


def test_forgotten_item_is_an_error(monkeypatch):
    marks(monkeypatch, *[(item, "t", "row", "boots") for item in catalogue.items() if item != "B37"])
    with pytest.raises(catalogue.CoverageError, match="neither a test nor a reason why there is none: B37"):
        catalogue.collect()


@pytest.mark.parametrize("item", ["B11", "A0", "E1", "37"])
def test_unknown_item_is_an_error(monkeypatch, item):
    marks(monkeypatch, (item, "t", "row", "boots"))
    with pytest.raises(catalogue.CoverageError, match=f"not in the catalogue: {item}"):
        catalogue.collect()


@pytest.mark.parametrize("table, entry", [("UNIT", "boot_exit.no_such_test"), ("UNIT", "no_such.test"),
                                          ("FUZZ", "no_such_target")])
def test_host_test_that_is_gone_is_an_error(monkeypatch, table, entry):
    marks(monkeypatch)
    monkeypatch.setattr(catalogue, table, {"A1": [entry]})
    with pytest.raises(catalogue.CoverageError, match="there is no"):
        catalogue.collect()


def test_summary_tells_four_verdicts():
    covers = [catalogue.Cover("A1", test, test, "boots") for test in ("good", "bad", "absent", "left")]
    lines = list(catalogue.summary(covers, {"good": "passed", "bad": "failed", "absent": "skipped"}))
    assert lines[0] == "A1   failed: bad; passed: good; skipped: absent; not run: left"


def test_summary_of_a_few_tests_leaves_the_rest_out():
    covers = [catalogue.Cover("A1", "one", "one", "boots"), catalogue.Cover("A2", "other", "other", "boots")]
    lines = list(catalogue.summary(covers, {"one": "passed"}, every_item=False))
    assert lines == ["A1   passed: one"]
