"""The mark that says which item of docs/firmware-quirks.md a test covers, and what must come of it.

    @pytest.mark.quirk("D70", outcome="boots; no device writes to memory")      several items: a mark each

  --quirks=FILE   with --collect-only: writes what is covered into FILE, for tests/catalogue.py
"""

import json
from pathlib import Path


def pytest_addoption(parser):
    parser.addoption("--quirks", metavar="FILE", help="write which test covers what, as JSON")


def pytest_configure(config):
    config.addinivalue_line("markers", "quirk(item, outcome, row=None): the item of the catalogue that the test covers")


def title(item):
    """The test's name as junit's reports have it, which is how tests/run knows it."""
    path, _, name = item.nodeid.partition("::")
    return f"{path.removesuffix('.py').replace('/', '.')}::{name}"


def row_of(item, mark):
    """What stands in brackets, where that is what is marked; else the name of the function with it."""
    parameters = getattr(item, "callspec", None)
    return parameters.id if parameters and mark in parameters.marks else item.name.removeprefix("test_")


def pytest_collection_finish(session):
    if session.config.getoption("--quirks"):
        marked = [{"test": title(item), "item": mark.args[0], "row": mark.kwargs.get("row") or row_of(item, mark),
                   "outcome": mark.kwargs["outcome"]}
                  for item in session.items for mark in reversed(list(item.iter_markers("quirk")))]
        Path(session.config.getoption("--quirks")).write_text(json.dumps(marked))
