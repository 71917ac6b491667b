"""The rows of the adversary, one file for each group of services."""

from rows.calls import CALLS
from rows.entry import ENTRY
from rows.exit import EXIT
from rows.memory_map import MAP, PAGE0
from rows.screen import SCREEN
from rows.script import SCRIPT
from rows.space import SPACE
from rows.tables import TABLES
from rows.virtual import VIRTUAL

ROWS = [*EXIT, *MAP, *PAGE0, *VIRTUAL, *TABLES, *CALLS, *SCREEN, *SPACE, *ENTRY, *SCRIPT]
